import type { ProxyEnv } from 'node:http'
import type { Readable } from 'node:stream'
import type { Logger } from 'pino'
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

/** How long a bucket may take, in milliseconds. */
export interface S3Timeouts {
  readonly connection: number
  /** Between two bytes. A content that is read has none: its reader takes it as they like. */
  readonly silence: number
  /** Until it has begun to answer. */
  readonly answer: number
}

export interface StorageOptions {
  /** A folder of this machine, for what is on its way to another. */
  readonly incoming: string
  readonly logger: Logger
  /** Of a bucket; absent: as is usual. */
  readonly timeouts?: S3Timeouts | undefined
  /** Through which a bucket is reached; absent: directly. */
  readonly proxy?: ProxyEnv | undefined
}
