/** UDP has one state and one timeout (ip_vs_proto_udp.c); an answer makes the persistence template of the connection assured. */
export const UDP_TIMEOUT_SEC = 300;
