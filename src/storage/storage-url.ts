import { fileURLToPath } from 'node:url'

/** A bucket that speaks S3, and where in it. */
export interface S3Location {
  readonly bucket: string
  /** Without slashes around it; empty: none. */
  readonly prefix: string
  /** Of another service than Amazon's; absent: Amazon's own. */
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
}

/** Where contents are kept: a folder, or a bucket. */
export type StorageLocation = { readonly folder: string } | S3Location

/** Where a bucket is, unless it is Amazon's. */
export const endpointOf = (location: StorageLocation): string | undefined =>
  'folder' in location ? undefined : location.endpoint

const isEndpoint = ({ protocol, username, password }: URL): boolean =>
  /^https?:$/.test(protocol) && username === '' && password === ''

function parseS3(url: URL): S3Location | undefined {
  const { hostname: bucket, pathname, searchParams, username, password, port, hash } = url
  const isPlain = [username, password, port, hash].every((part) => part === '')
  const names = [...searchParams.keys()]
  const isKnown = names.every((name) => name === 'endpoint' || name === 'region')
  const prefix = pathname.replaceAll(/^\/+|\/+$/g, '')
  const endpoint = searchParams.get('endpoint') ?? undefined
  const isPlace =
    endpoint === undefined || (URL.canParse(endpoint) && isEndpoint(new URL(endpoint)))
  if (!isPlain || !isKnown || new Set(names).size < names.length || !isPlace) return undefined
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) || !/^[\w.\-/]*$/.test(prefix))
    return undefined
  return { bucket, prefix, endpoint, region: searchParams.get('region') || undefined }
}

/** A place to keep contents, as an address: `file:` or `s3:`. Undefined for any other. */
export function parseStorageUrl(text: string): StorageLocation | undefined {
  if (text.startsWith('s3://') && URL.canParse(text)) return parseS3(new URL(text))
  if (!text.startsWith('file:')) return undefined
  const path = text.slice('file:'.length)
  if (!path.startsWith('//')) return path === '' ? undefined : { folder: path }
  try {
    return { folder: fileURLToPath(text) }
  } catch {
    return undefined
  }
}
