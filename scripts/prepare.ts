// Makes what is not kept in Git: the Prisma client, the database template and GraphiQL's page. Runs at
// the end of every install, and by hand after a change of the Prisma schema or of GraphiQL's tabs: npm
// run postinstall
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const prisma = dirname(createRequire(import.meta.url).resolve('prisma/package.json'))

const { status, stdout, stderr } = spawnSync(
  process.execPath,
  [join(prisma, 'build/index.js'), 'generate', '--config', 'prisma/prisma.config.ts'],
  {
    cwd: root,
    encoding: 'utf8',
    env: {
      ...process.env,
      // Without it Prisma downloads an engine that generating does not use; any file will do.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
  },
)
if (status !== 0) {
  console.error(`prisma generate failed:\n${stdout}${stderr}`)
  process.exit(1)
}

const { buildTemplate } = await import('../src/db/template.ts')
await buildTemplate()

const { buildGraphiql } = await import('./graphiql/build.ts')
await buildGraphiql()
