import { expect, test } from 'vitest'
import { createApiKeySecret, isApiKey } from '../../src/auth/credentials/format.ts'
import { processorTimeOf } from '../setup/processor-time.ts'
import { createFolder, freePort, keysIn, start, startServer, stop } from './program.ts'

const viewer = '{ viewer { user { name } role workspace { name plan } allSpaces permissions } }'

test('the first start shows the owner key, this once, and a curl that works; the next is as it is set', async () => {
  const settings = { DATA_DIR: await createFolder(), KEY_PREFIX: 'acme_ai' }
  const first = await startServer(settings)
  const took = await processorTimeOf(first.child.pid ?? 0)
  console.log(`first start: ${Math.round(first.startedInMs)} ms, ${took} ms of a processor`)
  expect(took).toBeLessThan(10_000)
  const { stdout, stderr } = first.output
  expect(stderr).toBe('')
  expect(stdout).toMatch(/^Latchkey listens on http:\/\/127\.0\.0\.1:\d+\/graphql \(GraphiQL/)
  expect(stdout).toMatch(/^ {2}workspace {2}Main$/m)
  expect(first.printedKeys).toHaveLength(1)
  const [key = ''] = first.printedKeys
  expect(stdout).toContain(`  owner key  ${key} (shown this once)\n`)
  expect(isApiKey(key)).toBe(true)
  expect(key).toMatch(/^acme_ai_/)
  expect((await first.gql(key, viewer)).data.viewer).toEqual({
    user: { name: 'Owner' },
    role: 'OWNER',
    workspace: { name: 'Main', plan: 'ENTERPRISE' },
    allSpaces: true,
    permissions: expect.arrayContaining(['members:own', 'keys:create', 'audit:read']),
  })

  const command = stdout.slice(stdout.indexOf('curl'))
  const pasted = start('sh', ['-c', `${command.trim()} --silent`], {})
  expect(await pasted.exited).toBe(0)
  expect(JSON.parse(pasted.output.stdout).data.viewer.role).toBe('OWNER')

  const page = await fetch(`${first.url}/graphql`, { headers: { accept: 'text/html' } })
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(await stop(first)).toBe(0)

  const port = String(await freePort())
  const set = { NODE_ENV: 'production', PORT: port, HOST: 'localhost', GRAPHIQL: 'off' }
  const second = await startServer({ ...settings, ...set })
  console.log(`second start: ${Math.round(second.startedInMs)} ms`)
  expect(second.output.stdout).toBe(`Latchkey listens on http://localhost:${port}/graphql\n`)
  const html = await fetch(`${second.url}/graphql`, { headers: { accept: 'text/html' } })
  expect(html.headers.get('content-type') ?? '').not.toContain('text/html')
  const made = await second.gql(key, 'mutation { createApiKey(input: { name: "a" }) { secret } }')
  expect(made.data.createApiKey.secret).toMatch(/^acme_ai_/)
  const schema = '{ __schema { queryType { name } } }'
  expect((await second.gql(key, schema)).status).toBe(200)
  expect((await second.gql('', schema)).status).toBe(401)
})

// A set-up by script must not leave its key in a log.
test('LATCHKEY_BOOTSTRAP_KEY is the owner key, is not shown, and counts once', async () => {
  const key = createApiKeySecret('set_up')
  const settings = { DATA_DIR: await createFolder() }
  const first = await startServer({ ...settings, LATCHKEY_BOOTSTRAP_KEY: key })
  expect(keysIn(first.output.stdout)).toEqual([])
  expect(first.output.stderr).toBe('')
  expect((await first.gql(key, viewer)).data.viewer.role).toBe('OWNER')
  const command = first.output.stdout.slice(first.output.stdout.indexOf('curl')).trim()
  const pasted = start('sh', ['-c', `${command} --silent`], { LATCHKEY_BOOTSTRAP_KEY: key })
  expect(await pasted.exited).toBe(0)
  expect(JSON.parse(pasted.output.stdout).data.viewer.role).toBe('OWNER')
  await stop(first)

  const other = createApiKeySecret('set_up')
  const second = await startServer({ ...settings, LATCHKEY_BOOTSTRAP_KEY: other })
  expect(second.output.stdout.split('\n').slice(1)).toEqual([
    'LATCHKEY_BOOTSTRAP_KEY is ignored: this database has a workspace.',
    '',
  ])
  expect((await second.gql(key, viewer)).status).toBe(200)
  expect((await second.gql(other, viewer)).errors[0].extensions.reason).toBe('UNKNOWN')
})
