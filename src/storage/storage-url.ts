import { isIP } from 'node:net'
import { fileURLToPath } from 'node:url'
import { webUrl, withoutFinalSlashes } from '../input/web-url.ts'

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

const isBucket = (text: string): boolean =>
  /^.{3,63}$/.test(text) &&
  isIP(text) === 0 &&
  text.split('.').every((label) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label))

/** As it is sent: an address would leave the steps out that lead nowhere, or upwards. */
const prefixOf = (text: string): string =>
  withoutFinalSlashes(text.replace(/^s3:\/\/[^/?#]*\/*/, '').replace(/[?#].*$/s, ''))

const isPrefix = (text: string): boolean =>
  text === '' ||
  text.split('/').every((step) => /^[\w.-]+$/.test(step) && step !== '.' && step !== '..')

function parseS3(text: string): S3Location | undefined {
  const { hostname: bucket, searchParams, username, password, port, hash } = new URL(text)
  const isPlain = [username, password, port, hash].every((part) => part === '')
  const names = [...searchParams.keys()]
  const isKnown = names.every((name) => name === 'endpoint' || name === 'region')
  if (!isPlain || !isKnown || new Set(names).size < names.length) return undefined
  const prefix = prefixOf(text)
  const endpoint = searchParams.get('endpoint') ?? undefined
  const isPlace = endpoint === undefined || webUrl(endpoint) !== undefined
  if (!isBucket(bucket) || !isPrefix(prefix) || !isPlace) return undefined
  return { bucket, prefix, endpoint, region: searchParams.get('region') || undefined }
}

/** A place to keep contents, as an address: `file:` or `s3:`. Undefined for any other. */
export function parseStorageUrl(text: string): StorageLocation | undefined {
  if (text.startsWith('s3://') && URL.canParse(text)) return parseS3(text)
  if (!text.startsWith('file:') || /[?#]/.test(text)) return undefined
  const path = text.slice('file:'.length)
  if (!path.startsWith('//')) return path === '' ? undefined : { folder: path }
  try {
    return { folder: fileURLToPath(text) }
  } catch {
    return undefined
  }
}
