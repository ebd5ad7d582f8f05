import type { Storage } from './storage.ts'

/** How many documents there may be. */
export interface DocumentLimits {
  /** Of a session. */
  readonly maxCount: number
  /** Of each document. */
  readonly maxBytes: number
  /** Of all documents of a workspace together. */
  readonly maxWorkspaceBytes: number
}

/** Where the contents of documents are kept, and how many of them. */
export interface DocumentStore extends DocumentLimits {
  readonly storage: Storage
}
