/** UDP header (RFC 768). A checksum of zero means none was made; a computed zero is sent as all ones. */
export const UDP_LENGTH = 8;
export const UDP_CHECKSUM = 6;
/** What a computed checksum of zero is sent as. */
export const UDP_CHECKSUM_ZERO = 0xffff;
