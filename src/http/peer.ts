/** Whom a request comes from, as the socket tells it. */
export interface Peer {
  /** Absent when it is not known. */
  readonly address?: string
}
