import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../process/program.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World, type WorldOptions } from '../setup/world.ts'
import { type Latchkey, serveLatchkey } from './latchkey.ts'
import { type Nginx, startNginx } from './nginx.ts'
import { blocksOf, settle } from './page.ts'
import { type Received, type Service, startService } from './service.ts'

const page = 'gateway.md'

/** What came of a request to the gateway. */
export interface Outcome {
  readonly status: number
  readonly headers: Headers
  /** What reached the service; undefined: nothing did. */
  readonly received: Received | undefined
}

/** Latchkey on a database of its own, a service, and the nginx of docs/gateway.md before it. */
export interface Gateway {
  /** May be closed early. */
  readonly world: World
  readonly workspace: TestWorkspace
  readonly latchkey: Latchkey
  readonly service: Service
  readonly nginx: Nginx
  /** The gateway's own key, and the file that holds it. */
  readonly verifier: { readonly id: string; readonly secret: string; readonly file: string }
  /** Sends a request with a key, or without. */
  ask(secret: string | null, path: string, init?: RequestInit): Promise<Outcome>
  /** The same before the same service, with something changed. */
  changed(change: (site: string) => string): Promise<Pick<Gateway, 'ask'>>
  close(): Promise<void>
}

/** The configuration of docs/gateway.md with other addresses, and nothing else changed. */
export async function documentedSite(places: {
  readonly latchkey: number
  readonly service: number
  readonly listen: number
  readonly folder: string
}): Promise<string> {
  const [site = ''] = await blocksOf(page, 'nginx')
  return settle(site, {
    'server 127.0.0.1:4000;': `server 127.0.0.1:${places.latchkey};`,
    'server 127.0.0.1:9000;': `server 127.0.0.1:${places.service};`,
    'listen 8080;': `listen 127.0.0.1:${places.listen};`,
    'include /etc/nginx/': `include ${places.folder}/`,
  })
}

/** A folder that the workers of an nginx can enter. */
export async function nginxFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-nginx-'))
  await chmod(folder, 0o711)
  return folder
}

/** Stores the gateway's key as docs/gateway.md says. */
async function storeKey(folder: string, secret: string): Promise<string> {
  const command = (await blocksOf(page, 'sh')).find((block) => block.includes('/etc/nginx/')) ?? ''
  const settled = settle(command, { '/etc/nginx/': `${folder}/` })
  await promisify(execFile)('sh', ['-c', settled], { env: { GATEWAY: secret } })
  return join(folder, 'latchkey-verifier.conf')
}

let asked = 0

/** Sends requests to an nginx that listens there, each with a mark to know it by at the service. */
const askOver =
  (port: number, service: Service): Gateway['ask'] =>
  async (secret, path, init = {}) => {
    asked += 1
    const mark = String(asked)
    const headers = new Headers(init.headers)
    headers.set('x-mark', mark)
    if (secret !== null) headers.set('authorization', `Bearer ${secret}`)
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers })
    await response.arrayBuffer()
    const received = service.received.find((each) => valuesOf(each, 'x-mark').includes(mark))
    return { status: response.status, headers: response.headers, received }
  }

type Later = (end: () => Promise<unknown>) => void

async function open(later: Later, options: WorldOptions): Promise<Omit<Gateway, 'close'>> {
  const opened = await createWorld(options)
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= opened.close()
    return closing
  }
  later(close)
  const world = { ...opened, close }
  const workspace = await world.createWorkspace()
  const key = await seed(world, workspace.secret).key({
    name: 'gateway',
    permissions: ['keys:read', 'keys:verify'],
  })
  const latchkey = await serveLatchkey(world)
  later(latchkey.stop)
  const service = await startService()
  later(service.close)

  const startOne = async (change: (site: string) => string) => {
    const folder = await nginxFolder()
    later(() => rm(folder, { recursive: true }))
    const file = await storeKey(folder, key.secret)
    const port = await freePort()
    const places = { latchkey: latchkey.port, service: service.port, listen: port, folder }
    const nginx = await startNginx(folder, change(await documentedSite(places)), port)
    later(nginx.stop)
    return { nginx, file, ask: askOver(port, service) }
  }
  const { nginx, file, ask } = await startOne((site) => site)
  const verifier = { ...key, file }
  return { world, workspace, latchkey, service, nginx, verifier, ask, changed: startOne }
}

/**
 * Starts all of it, for a whole file: outside of a hook, which can give up on what still goes on.
 * Whatever was started is ended by `close`, and when the rest does not start.
 */
export async function startGateway(options: WorldOptions = {}): Promise<Gateway> {
  const ends: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (const end of ends.reverse()) await end()
  }
  try {
    return { ...(await open((end) => void ends.push(end), options)), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** The values of a header as the service got it, under that name in any case. */
export const valuesOf = ({ headers }: Received, name: string): string[] =>
  headers.filter(
    (_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === name.toLowerCase(),
  )

/**
 * What came of a request, in words: `passed`, or its status and verdict. Whatever else has reached
 * the service says so.
 */
export function inWords({ status, headers, received }: Outcome): string {
  if (status === 200 && received !== undefined) return 'passed'
  const verdict = headers.get('latchkey-verdict')
  return [status, verdict, received && 'but it reached the service'].filter(Boolean).join(' ')
}
