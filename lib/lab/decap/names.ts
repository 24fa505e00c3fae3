/** Names and numbers that both the decapsulator and those who look for it need, without its system calls. */
export const DECAP_DEVICE = 'tsipvs-decap';
/** IANA port of Generic UDP Encapsulation. */
export const GUE_PORT = 6080;
