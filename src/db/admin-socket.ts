import { rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join, relative, resolve } from 'node:path'
import { json } from 'node:stream/consumers'
import { z } from 'zod'
import { ConfigError } from '../errors.ts'

/** Prints a part of what a command prints; resolves once it was taken, false: nobody takes more. */
export type Write = (text: string) => Promise<boolean>

/**
 * Runs a command of the command line, with the text of the file that it names, and answers what it
 * prints, behind what it has written.
 */
export type CommandHandler = (
  argv: readonly string[],
  text: string,
  write: Write,
) => Promise<string>

/** A command that was refused or could not be run; the message says why. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  /** What it prints all the same; undefined: nothing. */
  readonly output: string | undefined
  constructor(message: string, output?: string) {
    super(message)
    this.output = output
  }
}

const commandBody = z.object({ argv: z.array(z.string()), text: z.string().default('') })

/** What every platform's `sockaddr_un` has room for, less its final zero. */
const longestPath = 103

/** @throws ConfigError when the path has more bytes than a socket's may have. */
export function socketPath(dataDir: string): string {
  const absolute = resolve(dataDir, 'admin.sock')
  const near = relative('', absolute)
  const path = near.length < absolute.length ? near : absolute
  if (Buffer.byteLength(path) <= longestPath) return path
  throw new ConfigError(
    `DATA_DIR is ${JSON.stringify(dataDir)}; expected a folder whose path leaves room for a socket: ${join(dataDir, 'admin.sock')} has more than ${longestPath} bytes`,
  )
}

async function answer(
  request: IncomingMessage,
  handler: CommandHandler | undefined,
  write: Write,
): Promise<[status: number, body: object]> {
  if (request.method === 'GET' && request.url === '/') return [200, { pid: process.pid }]
  if (request.method !== 'POST' || request.url !== '/run') return [404, { error: 'not found' }]
  if (!handler) return [503, { error: 'the server is still starting' }]
  try {
    const { argv, text } = commandBody.parse(await json(request))
    return [200, { output: await handler(argv, text, write) }]
  } catch (error) {
    const output = error instanceof CommandError ? error.output : undefined
    return [400, { error: error instanceof Error ? error.message : String(error), output }]
  }
}

const headers = { 'content-type': 'application/json', connection: 'close' }

/** Writes lines of their own ahead of the answer; each waits until its reader has taken it. */
const writeTo =
  (response: ServerResponse): Write =>
  (part) => {
    if (!response.headersSent) response.writeHead(200, headers)
    return new Promise((done) => {
      response.write(`${JSON.stringify({ part })}\n`, (error) => done(!error))
    })
  }

/**
 * Serves commands on a socket that only this user can reach: `POST /run` with `{"argv": […]}`, and
 * `"text"` for one that names a file, answered by `{"output": "…"}` or, with status 400,
 * `{"error": "…"}`, with an output as well where it has done a part. A long output comes in lines of
 * `{"part": "…"}` ahead of that, with status 200. `GET /` tells the process id.
 * Whatever lies at the path is replaced: the caller must hold the lock of the folder.
 */
export async function serveCommands(
  path: string,
  handler: () => CommandHandler | undefined,
): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(request, handler(), writeTo(response)).then(([status, body]) => {
      if (!response.headersSent) response.writeHead(status, headers)
      response.end(JSON.stringify(body))
    })
  })
  await rm(path, { force: true })
  // The socket's mode is set as it is bound, which listen() does before it returns.
  const umask = process.umask(0o177)
  const listening = new Promise<void>((done, fail) => {
    server.once('error', fail).listen(path, done)
  })
  process.umask(umask)
  await listening
  // It serves those who hold the folder, and is no reason to go on for one who is done.
  return server.unref()
}
