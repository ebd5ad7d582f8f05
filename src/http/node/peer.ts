import type { RequestMemory } from '../../limits/request-memory.ts'

/** Whom a request comes from, as the socket tells it. */
export interface Peer {
  /** Absent when it is not known. */
  readonly address?: string
  /** What the request takes of memory until its answer is read; absent where there is no socket. */
  readonly memory?: RequestMemory
}
