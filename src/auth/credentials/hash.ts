import { createHash } from 'node:crypto'

/** SHA-256 of a secret: what is stored of it. A random secret of 256 bits needs no slower hash. */
export const hashSecret = (secret: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(createHash('sha256').update(secret).digest())
