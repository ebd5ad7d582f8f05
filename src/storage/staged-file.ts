import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { RequestError, serviceUnavailable } from '../errors.ts'

/** A content that has arrived as a file of its own. */
export interface StagedFile {
  readonly path: string
  readonly bytes: number
  /** SHA-256, in hex. */
  readonly sha256: string
}

/** Is shown every chunk, and how much there is of them all; what it throws ends the reading. */
export type Look = (chunk: Uint8Array, bytes: number) => void

/** @throws RequestError its own, or BAD_REQUEST when it ends before its end */
async function* whole(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* content
  } catch (error) {
    throw error instanceof RequestError
      ? error
      : new RequestError('BAD_REQUEST', 'The file broke off.')
  }
}

/**
 * Writes a content to a file while it is hashed, gives the file to `use` and removes it whatever
 * comes of it. No more of the content is in memory than a few chunks. The folder is made when it is
 * not there.
 */
export async function withStagedFile<T>(
  folder: string,
  content: AsyncIterable<Uint8Array>,
  look: Look,
  use: (file: StagedFile) => Promise<T>,
): Promise<T> {
  // Each time: somebody may have cleaned up around it.
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw serviceUnavailable(cause)
  })
  const path = join(folder, randomUUID())
  try {
    return await use(await write(path, content, look))
  } finally {
    await rm(path, { force: true })
  }
}

async function write(
  path: string,
  content: AsyncIterable<Uint8Array>,
  look: Look,
): Promise<StagedFile> {
  const hash = createHash('sha256')
  let bytes = 0
  let refusal: unknown
  async function* looked(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of whole(content)) {
        bytes += chunk.length
        look(chunk, bytes)
        hash.update(chunk)
        yield chunk
      }
    } catch (error) {
      refusal = error
      throw error
    }
  }
  try {
    // It is there before anything can fail: what is removed then does not come after all.
    const file = await open(path, 'wx', 0o600)
    await pipeline(looked, file.createWriteStream({ flush: true }))
  } catch (error) {
    throw refusal ?? serviceUnavailable(error)
  }
  return { path, bytes, sha256: hash.digest('hex') }
}
