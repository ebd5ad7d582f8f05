import { join } from 'node:path'
import { createFileStorage } from './file-storage.ts'
import { openStaging } from './staging.ts'
import type { Storage, StorageOptions } from './storage.ts'
import type { StorageLocation } from './storage-url.ts'

/** Nothing is written before it is asked for. */
export async function openStorage(
  location: StorageLocation,
  { incoming, ...options }: StorageOptions,
): Promise<Storage> {
  if ('folder' in location) {
    const { folder } = location
    return createFileStorage(folder, openStaging(join(folder, 'incoming'), options.logger))
  }
  // The client is large: who keeps documents in a folder does not load it.
  const { createS3Storage } = await import('./s3-storage.ts')
  return createS3Storage(location, openStaging(incoming, options.logger), options)
}
