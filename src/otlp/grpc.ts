/** What an operator does when the endpoint is a port for gRPC. */
export const GRPC_ADVICE =
  'This looks like a gRPC port (4317 as a rule). Set `endpoint` to the port for OTLP over HTTP, 4318 as a rule.';

/** The port that receivers keep for OTLP over gRPC. */
const GRPC_PORT = '4317';

/** What a server that talks HTTP/2 alone answers to HTTP/1.1: settings, or a farewell, of the connection itself. */
const HTTP2_FIRST_FRAMES = [0x04, 0x07];

interface NetworkError extends Error {
  readonly code?: string;
  /** The bytes that are no HTTP/1.1 answer. */
  readonly rawPacket?: Uint8Array;
}

/** Whether what came back is the answer of a gRPC port: HTTP/2, or no HTTP from the port that is gRPC's by custom. */
export function answersAsGrpc(error: NetworkError, url: string): boolean {
  const { code = '', rawPacket } = error;
  if (!code.startsWith('HPE_')) return false;
  return onGrpcPort(url) || (rawPacket !== undefined && isHttp2(rawPacket));
}

/** Whether the URL names the port that is gRPC's by custom. */
export function onGrpcPort(url: string): boolean {
  return new URL(url).port === GRPC_PORT;
}

/** A frame of HTTP/2 (RFC 9113 §4.1): 3 bytes of length, its type, flags, and stream 0. */
function isHttp2(bytes: Uint8Array): boolean {
  const [, , , type = 0, , ...stream] = bytes.subarray(0, 9);
  return HTTP2_FIRST_FRAMES.includes(type) && stream.length === 4 && stream.every((byte) => byte === 0);
}
