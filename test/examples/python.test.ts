import { beforeAll, expect, test } from 'vitest'
import { createFolder, start } from '../process/program.ts'
import { eventually } from '../setup/eventually.ts'
import { jumpingClock } from '../setup/monotonic-clock.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import {
  type Between,
  endOfMinuteAt,
  serveExample,
  spaceWithAgents,
  unavailable,
} from './example-server.ts'

let space: string
const agentCount = 101

useWorkspace()
beforeAll(async () => {
  space = await spaceWithAgents(world, workspace.secret, agentCount)
})

let count = 0
const newKey = (settings: object): Promise<{ id: string; secret: string }> =>
  seed(world, workspace.secret).key({ name: `Key ${++count}`, ...settings })

const python = async (script: string, settings: Readonly<Record<string, string>>) =>
  start(process.env.TEST_PYTHON ?? 'python3', [`examples/python/${script}`], {
    // Python leaves no compiled files in the project.
    PYTHONPYCACHEPREFIX: await createFolder(),
    ...settings,
  })

const canRead = { permissions: ['agents:read'], allSpaces: true }

/** Runs list_agents.py to its end. */
async function list(secret: string, between?: Between) {
  const { url, exchanges } = await serveExample(world, between)
  const program = await python('list_agents.py', { LATCHKEY_URL: url, LATCHKEY_KEY: secret })
  const code = await program.exited
  const { stdout, stderr } = program.output
  const statuses = exchanges.map(({ status }) => status)
  return { code, agents: stdout.split('\n').length - 1, stderr, statuses }
}

test('list_agents.py lists all agents, and says why it is refused', async () => {
  const { secret } = await newKey(canRead)
  const well = { code: 0, agents: agentCount, stderr: '' }
  expect(await list(secret)).toEqual({ ...well, statuses: [200, 200] })
  const { code, stderr } = await list((await newKey({ permissions: ['scopes:read'] })).secret)
  expect(code).toBe(1)
  expect(stderr).toMatch(/LatchkeyError: FORBIDDEN: This needs agents:read\. \(request [\w-]+\)\n$/)
})

test('list_agents.py waits at a limit until Retry-After has passed, and once', async () => {
  const { secret } = await newKey({ ...canRead, requestsPerMinute: 1 })
  const listed = await list(secret, endOfMinuteAt(2))
  expect(listed).toEqual({ code: 0, agents: agentCount, stderr: '', statuses: [200, 429, 200] })
})

test('list_agents.py asks again while the server is away', async () => {
  const { secret } = await newKey(canRead)
  let away = 2
  const listed = await list(secret, (_, answer) => (--away >= 0 ? unavailable() : answer()))
  const statuses = [503, 503, 200, 200]
  expect(listed).toEqual({ code: 0, agents: agentCount, stderr: '', statuses })
})

const passed = [200, expect.stringMatching(/^A report for key_/)]

/** Starts service.py; `ask` gives the status, Retry-After and text of its answer. */
async function startService(between?: Between) {
  const own = await newKey({ permissions: ['keys:read', 'keys:verify'] })
  const latchkey = await serveExample(world, between)
  const settings = { LATCHKEY_URL: latchkey.url, LATCHKEY_KEY: own.secret, PORT: '0' }
  const { output } = await python('service.py', settings)
  const url = await eventually(() => {
    const [, found] = /listens on (\S+)/.exec(output.stdout) ?? []
    if (found === undefined) throw new Error(`the service did not start: ${output.stderr}`)
    return found
  })
  const ask = async (authorization: string | null, path = `/spaces/${space}/report`) => {
    const headers = authorization === null ? {} : { authorization }
    const response = await fetch(`${url}${path}`, { headers })
    const retryAfter = response.headers.get('retry-after')
    return [response.status, (await response.text()).trim(), ...(retryAfter ? [retryAfter] : [])]
  }
  return { ask }
}

test('service.py lets in who may read agents in that space, and nobody else', async () => {
  const { ask } = await startService()
  const reader = await newKey(canRead)
  expect(await ask(`Bearer ${reader.secret}`)).toEqual([200, `A report for ${reader.id}.`])
  expect(await ask(null)).toEqual([401, 'MISSING'])
  expect(await ask('Bearer nonsense')).toEqual([401, 'MALFORMED'])
  expect(await ask('Bearer clé')).toEqual([401, 'MALFORMED'])
  const other = await newKey({ permissions: ['scopes:read'], allSpaces: true })
  expect(await ask(`Bearer ${other.secret}`)).toEqual([403, 'INSUFFICIENT_PERMISSIONS'])
  const elsewhere = await seed(world, workspace.secret).space({ name: 'Sales' })
  const spaces = [{ spaceId: elsewhere }]
  const { secret } = await newKey({ permissions: ['agents:read'], spaces })
  expect(await ask(`Bearer ${secret}`)).toEqual([403, 'SPACE_NOT_ALLOWED'])
  expect(await ask(`Bearer ${secret}`, `/spaces/${elsewhere}/report`)).toEqual(passed)
  expect(await ask(`Bearer ${secret}`, `/spaces/${elsewhere}/report?`)).toEqual([
    404,
    'There is nothing here.',
  ])
})

test('service.py refuses a revoked key at its next request', async () => {
  const { ask } = await startService()
  const { id, secret } = await newKey(canRead)
  expect(await ask(`Bearer ${secret}`)).toEqual(passed)
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id })
  expect(await ask(`Bearer ${secret}`)).toEqual([401, 'REVOKED'])
})

test('service.py answers 429 with Retry-After when a key has reached its limit', async () => {
  jumpingClock().stop()
  const { ask } = await startService()
  const { secret } = await newKey({ ...canRead, requestsPerMinute: 1 })
  expect(await ask(`Bearer ${secret}`)).toEqual(passed)
  expect(await ask(`Bearer ${secret}`)).toEqual([429, 'RATE_LIMITED', '60'])
})

// A client that gets 401 throws a good key away.
test('service.py answers 503 when there is no verdict', async () => {
  const pretended = [
    unavailable(),
    new Response(null, { status: 400 }),
    new Response(null, { status: 401 }),
    new Response(null, { status: 204 }),
    new Response(null, { status: 404 }),
  ]
  const { ask } = await startService((_, answer) => pretended.shift() ?? answer())
  const { secret } = await newKey(canRead)
  for (let left = pretended.length; left > 0; left -= 1)
    expect(await ask(`Bearer ${secret}`)).toEqual([503, 'UNKNOWN', '1'])
  expect(await ask(`Bearer ${secret}`)).toEqual(passed)
})
