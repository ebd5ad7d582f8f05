import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { freePort } from '../../process/program.ts'
import { type Ask, askOver, type Backend, openBackend, withClose } from '../backend.ts'
import { blocksOf, settle, storeKey } from '../page.ts'
import { type Running, startListening } from '../running.ts'

/** Latchkey and a service behind the Caddy of docs/gateway.md. */
export interface CaddyGateway extends Backend {
  readonly caddy: Running
  readonly ask: Ask
  close(): Promise<void>
}

/** The configuration of docs/gateway.md with other addresses, and nothing else changed. */
async function documentedSite(places: {
  readonly latchkey: number
  readonly service: number
  readonly listen: number
}): Promise<string> {
  const [site = ''] = await blocksOf('gateway.md', 'caddyfile')
  const settled = settle(site, {
    '127.0.0.1:4000': `127.0.0.1:${places.latchkey}`,
    '127.0.0.1:9000': `127.0.0.1:${places.service}`,
    ':8080 {': `:${places.listen} {\n\tbind 127.0.0.1`,
  })
  return `{\n\tadmin off\n}\n${settled}`
}

/** Starts all of it, for a whole file, with the Caddy of TEST_CADDY. */
export const startCaddyGateway = (): Promise<CaddyGateway> =>
  withClose(async (later) => {
    const backend = await openBackend(later, {})
    const { latchkey, service, verifier } = backend
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-caddy-'))
    later(() => rm(folder, { recursive: true }))
    const port = await freePort()
    const file = join(folder, 'Caddyfile')
    const places = { latchkey: latchkey.port, service: service.port, listen: port }
    await writeFile(file, await documentedSite(places))
    await storeKey('/etc/caddy/', folder, verifier.secret)
    const stored = parseEnv(await readFile(join(folder, 'latchkey.env'), 'utf8'))
    const args = ['run', '--adapter', 'caddyfile', '--config', file]
    const caddy = await startListening(process.env.TEST_CADDY ?? 'caddy', args, port, {
      env: { HOME: folder, ...stored },
    })
    later(caddy.stop)
    return { ...backend, caddy, ask: askOver(port, service) }
  })
