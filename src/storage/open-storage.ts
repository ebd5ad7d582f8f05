import { join } from 'node:path'
import type { Logger } from 'pino'
import { createFileStorage } from './file-storage.ts'
import type { S3Timeouts } from './s3-storage.ts'
import { openStaging } from './staging.ts'
import type { Storage } from './storage.ts'
import type { StorageLocation } from './storage-url.ts'

export interface StorageOptions {
  /** A folder of this machine, for what is on its way to another. */
  readonly incoming: string
  readonly logger: Logger
  /** Of a bucket; absent: as is usual. */
  readonly timeouts?: S3Timeouts | undefined
}

/** Nothing is written before it is asked for. */
export async function openStorage(
  location: StorageLocation,
  { incoming, logger, timeouts }: StorageOptions,
): Promise<Storage> {
  if ('folder' in location) {
    const { folder } = location
    return createFileStorage(folder, openStaging(join(folder, 'incoming'), logger))
  }
  // The client is large: who keeps documents in a folder does not load it.
  const { createS3Storage } = await import('./s3-storage.ts')
  return createS3Storage(location, openStaging(incoming, logger), logger, timeouts)
}
