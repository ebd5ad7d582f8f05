import type { Readable } from 'node:stream'
import type { Staging } from './staging.ts'

/**
 * Contents outside the database, each under a key. What is there is whole. Keys are made of letters,
 * digits, `_`, `-` and `/`.
 */
export interface Storage {
  /** For files that are on their way to the storage. */
  readonly staging: Staging
  /** Keeps what a file holds under a key that nothing else has. The file may be gone then. */
  put(key: string, file: string): Promise<void>
  /** @throws when there is nothing of that key */
  read(key: string): Promise<Readable>
  /** Nothing of that key is no failure. */
  remove(key: string): Promise<void>
  close(): Promise<void>
}
