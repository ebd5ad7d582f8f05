import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { ProxyEnv } from 'node:http'
import { Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import type { S3Timeouts, Storage, StorageOptions } from './storage.ts'
import type { S3Location } from './storage-url.ts'

const usualTimeouts: S3Timeouts = { connection: 5_000, silence: 10_000, answer: 10_000 }

/** Contents that are taken slowly keep no others waiting. */
function agentsBy(proxyEnv: ProxyEnv | undefined) {
  const agent = { maxSockets: Number.POSITIVE_INFINITY, proxyEnv }
  return { httpAgent: agent, httpsAgent: agent }
}

/**
 * Contents as objects of a bucket. Credentials, and what is not said of the region, are found as all
 * of Amazon's tools find them: in the environment, or by the machine that it runs on.
 */
export function createS3Storage(
  { bucket, prefix, endpoint, region }: S3Location,
  staging: Storage['staging'],
  { logger, timeouts = usualTimeouts, proxy }: Omit<StorageOptions, 'incoming'>,
): Storage {
  const agents = agentsBy(proxy)
  const ignore = () => undefined
  const config: S3ClientConfig = {
    ...(region !== undefined && { region }),
    // Few other services have a host name for each bucket.
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    // Nor do all of them know the checksums that Amazon has added to the protocol.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // What fails is thrown as well; the rest would tell of every content.
    logger: { debug: ignore, info: ignore, warn: (text) => logger.warn(text), error: ignore },
  }
  const clientWith = (socketTimeout: number): S3Client => {
    const requestHandler = { connectionTimeout: timeouts.connection, socketTimeout, ...agents }
    return new S3Client({ ...config, requestHandler })
  }
  const client = clientWith(timeouts.silence)
  const reader = clientWith(0)
  const objectOf = (key: string) => ({
    Bucket: bucket,
    Key: prefix === '' ? key : `${prefix}/${key}`,
  })
  return {
    staging,
    async put(key, file) {
      const { size } = await stat(file)
      const Body = createReadStream(file)
      try {
        await client.send(new PutObjectCommand({ ...objectOf(key), Body, ContentLength: size }))
      } finally {
        Body.destroy()
      }
    },
    async read(key) {
      const silence = new AbortController()
      const timer = setTimeout(() => silence.abort(), timeouts.answer)
      try {
        const command = new GetObjectCommand(objectOf(key))
        const { Body } = await reader.send(command, { abortSignal: silence.signal })
        if (!(Body instanceof Readable)) throw new Error(`the storage gave no content for ${key}`)
        return Body
      } finally {
        clearTimeout(timer)
      }
    },
    async remove(key) {
      const abortSignal = AbortSignal.timeout(timeouts.answer)
      await client.send(new DeleteObjectCommand(objectOf(key)), { abortSignal })
    },
    async close() {
      await staging.close()
      client.destroy()
      reader.destroy()
    },
  }
}
