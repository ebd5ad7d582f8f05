import { fileURLToPath } from 'node:url'
import { createApiKeySecret } from '../src/auth/credentials/format.ts'
import type { Database } from './database.ts'
import { type Server, startServer } from './server.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** `node src/server.ts` on that database. `ownerKey` is the first owner's where it was an empty one. */
export async function startLatchkey({
  env,
}: Database): Promise<{ readonly server: Server; readonly ownerKey: string }> {
  const ownerKey = createApiKeySecret('lk')
  const settings = { HOST: '127.0.0.1', LATCHKEY_BOOTSTRAP_KEY: ownerKey, LOG_LEVEL: 'warn' }
  const server = await startServer({
    script: 'src/server.ts',
    cwd: root,
    env: { ...settings, ...env },
  })
  return { server, ownerKey }
}
