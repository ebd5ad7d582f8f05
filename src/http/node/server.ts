import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { badRequest, RequestError } from '../../errors.ts'
import { localUrl } from '../../input/web-url.ts'
import { ServerMemory } from '../../limits/request-memory.ts'
import type { Awaitable } from '../../when-known.ts'
import type { RequestLog } from '../request-log.ts'
import { createServerContext, forgetOperation, type ServerContext } from '../server-context.ts'
import { type BodyLimits, limitBody } from './body-limit.ts'
import { compressAnswer } from './compress-answer.ts'
import { oneAfterAnother } from './pipelining.ts'
import { limitWriteTime, readAnswer, sendAnswer } from './send-answer.ts'
import { requestIds, writeError } from './send-error.ts'

/** Answers a request as Node has it; the response is sent by the server. */
export type NodeHandler = (
  req: IncomingMessage,
  res: ServerResponse,
  context: ServerContext,
) => Awaitable<Response>

export interface ListenOptions extends BodyLimits {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** How long an answer may make no progress before its connection is reset, in milliseconds. */
  readonly writeTimeoutMs?: number
  readonly logger: Pick<Logger, 'error'>
  /** Called at the end of each request. */
  readonly ended?: RequestLog
}

export interface Listener {
  /** An address that a browser on this machine can open. */
  readonly url: string
  readonly port: number
  /** Accepts nothing new, lets what runs finish, and after the grace ends the rest by force. */
  close(graceSeconds: number): Promise<void>
}

const timeouts = {
  /** A client has this long for its headers, in milliseconds. */
  headersTimeout: 10_000,
  /** And this long for an upload; the body of any other request has less: see `limitBody`. */
  requestTimeout: 600_000,
  /** Longer than the usual load balancer's 60 s, so that it is never ours that closes first. */
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
}

/** A name or an address, with a port or without. */
const hostShape = /^([\w.-]+|\[[\da-f:.]+\])(:\d+)?$/i

/** A target that names its host. */
const absoluteForm = /^https?:\/\/([^/?#]*)(.*)$/is

/**
 * Gives a request its target in origin form, with the host that an absolute one names instead of the
 * Host header's (RFC 9112, 3.2.2).
 *
 * @returns whether the URL that is made of both is that of the target: a host with more than a host in
 *   it would choose another path, and what makes no URL must not be our error
 */
function setOriginForm(req: IncomingMessage): boolean {
  const { headers } = req
  const sent = headers.host || 'localhost'
  const [, host = sent, rest] = absoluteForm.exec(req.url ?? '') ?? []
  if (rest !== undefined) {
    headers.host = host
    req.url = rest.startsWith('/') ? rest : `/${rest}`
  }
  const isHost = hostShape.test(sent) && hostShape.test(host)
  return isHost && req.url?.startsWith('/') === true && URL.canParse(`http://${host}${req.url}`)
}

/** In the log, of a request whose client left before an answer began; nobody is sent it. */
const statusOfAborted = 499

/** What is asked for, without what may be secret behind it. */
const pathOf = ({ url = '' }: IncomingMessage): string => url.replace(/[?#].*$/s, '')

function createHandler(
  answer: NodeHandler,
  { logger, ended, writeTimeoutMs = 30_000, ...bodyLimits }: ListenOptions,
) {
  const all = new ServerMemory()
  return async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const memory = all.begin()
    const context = createServerContext({ memory, address: req.socket.remoteAddress })
    const { state } = context
    const { requestId } = state
    requestIds.set(res, requestId)
    const broken = (err: unknown): void => logger.error({ err, requestId }, 'answer broken off')
    const restartTimeout = limitWriteTime(res, writeTimeoutMs, () => {
      // Else it is the client that takes nothing.
      if (!res.writableEnded && !res.writableNeedDrain)
        broken(new Error(`the content did not go on for ${writeTimeoutMs} ms`))
    })
    try {
      const hasUrl = setOriginForm(req)
      if (!limitBody(req, res, bodyLimits)) return
      if (req.headers.expect !== undefined) res.writeContinue()
      if (!hasUrl) {
        writeError(res, badRequest('The request target or Host header is not valid.'))
        res.end()
        return
      }
      const read = await readAnswer(await answer(req, res, context))
      forgetOperation(state)
      memory.set(read.ownBytes)
      if (memory.isRefused) res.shouldKeepAlive = false
      const sent = await compressAnswer(read, req.headers['accept-encoding'])
      memory.set(sent.ownBytes)
      await sendAnswer(sent, res, { restartTimeout, broken })
    } catch (error) {
      // A client that went away is no failure of ours.
      if (res.destroyed) return
      if (res.headersSent) {
        broken(error)
        res.destroy()
        return
      }
      writeError(res, new RequestError('INTERNAL_SERVER_ERROR', 'Internal server error.'))
      res.end()
      logger.error({ err: error, requestId }, 'request failed')
    } finally {
      const end = (): void => {
        memory.set(0)
        const status = res.headersSent ? res.statusCode : statusOfAborted
        const isAborted = !res.writableFinished
        const path = state.path || pathOf(req)
        ended?.(state, { method: req.method, path, status, isAborted })
      }
      // Not before: of a client that has gone the operation may still run.
      if (res.closed) end()
      else res.once('close', end)
    }
  }
}

/** The connections on which no request has begun. To Node they are neither idle nor active. */
function trackUnused(server: Server): ReadonlySet<Socket> {
  const unused = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  const use = (req: IncomingMessage) => unused.delete(req.socket)
  server.on('request', use).on('checkContinue', use)
  return unused
}

async function close(server: Server, unused: ReadonlySet<Socket>, grace: number): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  for (const socket of unused) socket.destroy()
  // A connection that was busy when the server closed becomes idle later: nobody else would end it.
  const sweep = setInterval(() => server.closeIdleConnections(), 25)
  const force = setTimeout(() => server.closeAllConnections(), grace * 1000)
  await closed
  clearInterval(sweep)
  clearTimeout(force)
}

/**
 * Serves on node:http. A body over its limit gets 413, what `answer` throws a 500 without
 * details, and what is not HTTP at all Node's own 400.
 *
 * @throws when the address cannot be listened on, e.g. with the code EADDRINUSE.
 */
export async function listen(answer: NodeHandler, options: ListenOptions): Promise<Listener> {
  const { host, port } = options
  const handle = oneAfterAnother(createHandler(answer, options))
  const server = createServer(timeouts, handle)
  // By default Node would ask a client for a body that is then refused.
  server.on('checkContinue', handle)
  const unused = trackUnused(server)
  server.listen(port, host)
  await once(server, 'listening')
  const bound = server.address()
  const actualPort = typeof bound === 'object' && bound !== null ? bound.port : port
  let closing: Promise<void> | undefined
  return {
    url: localUrl(host, actualPort),
    port: actualPort,
    close: (graceSeconds) => {
      closing ??= close(server, unused, graceSeconds)
      return closing
    },
  }
}
