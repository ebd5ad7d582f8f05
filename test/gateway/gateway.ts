import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../process/program.ts'
import type { WorldOptions } from '../setup/world.ts'
import { type Ask, askOver, type Backend, type Later, openBackend, withClose } from './backend.ts'
import { startNginx } from './nginx.ts'
import { blocksOf, settle, storeKey } from './page.ts'
import type { Running } from './running.ts'

const page = 'gateway.md'

/** Latchkey and a service behind the nginx of docs/gateway.md. */
export interface Gateway extends Backend {
  readonly nginx: Running
  /** The gateway's own key, and the file that holds it. */
  readonly verifier: Backend['verifier'] & { readonly file: string }
  readonly ask: Ask
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

async function open(later: Later, options: WorldOptions): Promise<Omit<Gateway, 'close'>> {
  const backend = await openBackend(later, options)
  const { latchkey, service, verifier } = backend

  const startOne = async (change: (site: string) => string) => {
    const folder = await nginxFolder()
    later(() => rm(folder, { recursive: true }))
    await storeKey('/etc/nginx/', folder, verifier.secret)
    const file = join(folder, 'latchkey-verifier.conf')
    const port = await freePort()
    const places = { latchkey: latchkey.port, service: service.port, listen: port, folder }
    const nginx = await startNginx(folder, change(await documentedSite(places)), port)
    later(nginx.stop)
    return { nginx, file, ask: askOver(port, service) }
  }
  const { nginx, file, ask } = await startOne((site) => site)
  return { ...backend, nginx, verifier: { ...verifier, file }, ask, changed: startOne }
}

/** Starts all of it, for a whole file. */
export const startGateway = (options: WorldOptions = {}): Promise<Gateway> =>
  withClose((later) => open(later, options))
