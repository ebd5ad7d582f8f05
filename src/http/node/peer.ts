import type { UnreadAnswer } from '../../limits/unread-answers.ts'

/** Whom a request comes from, as the socket tells it. */
export interface Peer {
  /** Absent when it is not known. */
  readonly address?: string
  /** What the answer takes of memory until it is read; absent where there is no socket. */
  readonly answer?: UnreadAnswer
}
