import type { Request } from './request.ts'
import type { Server } from './server.ts'

/** What is measured on a server: one request, or several in turn, all with the same answer. */
export interface Subject {
  readonly name: string
  readonly server: Server
  readonly requests: readonly Request[]
  /** What every single answer must be. */
  readonly expected: Answer
}

export interface Answer {
  readonly status: number
  readonly body: string
}

export interface SubjectOptions {
  readonly name: string
  readonly requests: readonly Request[]
  /** Whether the comparison may be made with this answer; by default: data without errors. */
  isGood?(answer: Answer): boolean
}

/** Sends a request once. */
export async function send(
  { origin }: Server,
  { path, method, headers, body }: Request,
): Promise<Answer> {
  const init = { method, headers: { ...headers }, ...(body !== undefined && { body }) }
  const response = await fetch(origin + path, init)
  return { status: response.status, body: await response.text() }
}

/** Whether GraphQL answered without any error, expected ones of a mutation included. */
export function isData({ status, body }: Answer): boolean {
  if (status !== 200) return false
  const { data, errors } = JSON.parse(body)
  if (errors !== undefined || data == null) return false
  return !Object.values<{ errors?: unknown[] } | null>(data).some((field) => field?.errors?.length)
}

/**
 * The data of an operation.
 *
 * @throws when the answer is anything but data without errors
 */
export async function ask<Data>(server: Server, request: Request): Promise<Data> {
  const answer = await send(server, request)
  if (!isData(answer)) throw new Error(`answered ${answer.status}: ${answer.body}`)
  return JSON.parse(answer.body).data
}

/**
 * Sends the first request, whose answer those to all of them must equal.
 *
 * @throws with the server's output when it is not a good one
 */
export async function subjectOf(
  server: Server,
  { name, requests, isGood = isData }: SubjectOptions,
): Promise<Subject> {
  const [first] = requests
  if (first === undefined) throw new Error(`${name}: no request`)
  const expected = await send(server, first)
  if (!isGood(expected))
    throw new Error(`${name}: answered ${expected.status}: ${expected.body}\n${server.output()}`)
  return { name, server, requests, expected }
}
