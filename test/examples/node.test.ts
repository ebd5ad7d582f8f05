import { readFileSync } from 'node:fs'
import { chmod, mkdir, readFile, rmdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { directly, verdict } from '../modules/api-key/ask.ts'
import { createFolder, start, startServer } from '../process/program.ts'
import { readTour } from '../process/tour.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import {
  type Between,
  cutAnswer,
  endOfMinuteAt,
  serveExample,
  spaceWithAgents,
  unavailable,
} from './example-server.ts'

const agentCount = 101

useWorkspace()
beforeAll(async () => {
  await spaceWithAgents(world, workspace.secret, agentCount)
})

/** Moves the making and the last rotation of the key into the past. */
const passes = (keyId: string, interval: string): Promise<void> =>
  directly(world, workspace.id, async (prisma) => {
    await prisma.$executeRaw`
      UPDATE "ApiKey" SET "createdAt" = "createdAt" - ${interval}::interval,
             "rotatedAt" = "rotatedAt" - ${interval}::interval WHERE id = ${keyId}`
  })

let count = 0
/** The example with a key of its own in a file, as its README.md makes it. */
async function integration(between?: Between, settings: object = {}) {
  const key = await seed(world, workspace.secret).key({
    name: `Nightly ${++count}`,
    permissions: ['agents:read', 'keys:rotate'],
    allSpaces: true,
    ...settings,
  })
  const file = join(await createFolder(), 'latchkey.key')
  await writeFile(file, `${key.secret}\n`, { mode: 0o600 })
  const { url, exchanges } = await serveExample(world, between)
  const launch = () =>
    start(process.execPath, ['examples/node/integration.ts'], {
      LATCHKEY_URL: `${url}/graphql`,
      LATCHKEY_KEY_FILE: file,
    })
  const run = async () => {
    const { output, exited } = launch()
    const code = await exited
    return { code, agents: output.stdout.split('\n').length - 1, stderr: output.stderr }
  }
  const stored = async (): Promise<string> => (await readFile(file, 'utf8')).trim()
  return { key, file, exchanges, launch, run, stored }
}

const well = { code: 0, agents: agentCount, stderr: '' }
const operations = ({ exchanges }: Awaited<ReturnType<typeof integration>>): string[] =>
  exchanges.map(({ operation, status }) => `${operation} ${status}`)

test('it lists all agents, and does not rotate a key that is young', async () => {
  const it = await integration()
  expect(await it.run()).toEqual(well)
  expect(await it.stored()).toBe(it.key.secret)
  expect(operations(it)).toEqual(['WhoAmI 200', 'ListAgents 200', 'ListAgents 200'])
})

test('it rotates an old key once, and stores the new secret before it uses it', async () => {
  const storedAtUse: boolean[] = []
  let file = ''
  const it = await integration(({ secret }, answer) => {
    storedAtUse.push(readFileSync(file, 'utf8') === `${secret}\n`)
    return answer()
  })
  file = it.file
  await passes(it.key.id, '31 days')
  expect(await it.run()).toEqual(well)
  expect(storedAtUse).toEqual([true, true, true, true])
  const secret = await it.stored()
  expect(secret).not.toBe(it.key.secret)
  expect((await stat(it.file)).mode & 0o777).toBe(0o600)
  expect(await it.run()).toEqual(well)
  expect(await it.stored()).toBe(secret)
  for (const either of [it.key.secret, secret])
    expect(await verdict(world, either)).toBe('ACCEPTED')
})

test('the answer to its rotation is lost: it waits, rotates again, and no working secret is lost', async () => {
  let lost = ''
  let refused = 0
  const it = await integration(async ({ operation }, answer) => {
    const response = await answer()
    if (operation !== 'RotateKey') return response
    const { secret } = (await response.clone().json()).data.rotateApiKey
    if (secret === null) {
      refused += 1
      await passes(it.key.id, '1 hour 30 seconds')
      return response
    }
    if (lost !== '') return response
    lost = secret
    // Until a retry was refused it is too early for one, however slow the machine is.
    await passes(it.key.id, '-1 hour')
    return cutAnswer()
  })
  await passes(it.key.id, '31 days')
  expect(await it.run()).toEqual(well)
  expect(refused).toBe(1)
  expect(await verdict(world, it.key.secret)).toBe('ACCEPTED')
  expect(await verdict(world, lost)).toBe('401 ROTATED')
  const secret = await it.stored()
  expect(secret).not.toBe(it.key.secret)
  expect(await verdict(world, secret)).toBe('ACCEPTED')
})

test('it dies before it has stored the new secret: the next run rotates again', async () => {
  const { promise: dead, resolve: died } = Promise.withResolvers<unknown>()
  let kill = (): unknown => undefined
  let isFirst = true
  const it = await integration(async ({ operation }, answer) => {
    const response = await answer()
    if (operation !== 'RotateKey' || !isFirst) return response
    isFirst = false
    kill()
    await dead
    return response
  })
  await passes(it.key.id, '31 days')
  const first = it.launch()
  kill = () => first.child.kill('SIGKILL')
  died(await first.exited)
  expect(await it.stored()).toBe(it.key.secret)
  await passes(it.key.id, '1 hour')
  expect(await it.run()).toEqual(well)
  const secret = await it.stored()
  expect(secret).not.toBe(it.key.secret)
  expect(await verdict(world, secret)).toBe('ACCEPTED')
})

test('it cannot store the new secret: it works on with the old one, and the next run rotates again', async () => {
  const it = await integration()
  await passes(it.key.id, '31 days')
  await mkdir(`${it.file}.new`)
  const { code, agents, stderr } = await it.run()
  expect({ code, agents }).toEqual({ code: 1, agents: agentCount })
  expect(stderr).toMatch(/^The key was not rotated\. /)
  expect(await it.stored()).toBe(it.key.secret)
  await rmdir(`${it.file}.new`)
  await passes(it.key.id, '1 hour')
  expect(await it.run()).toEqual(well)
  expect(await it.stored()).not.toBe(it.key.secret)
})

test('somebody else uses the new secret: it says so and works on with the old one', async () => {
  const it = await integration()
  const other = await done(world, workspace.secret, 'rotateApiKey', 'secret', { id: it.key.id })
  expect(await verdict(world, other.secret)).toBe('ACCEPTED')
  await passes(it.key.id, '1 hour')
  const { code, agents, stderr } = await it.run()
  expect({ code, agents }).toEqual({ code: 1, agents: agentCount })
  expect(stderr).toMatch(/^The key was not rotated\. FORBIDDEN: This secret was replaced/)
  expect(await it.stored()).toBe(it.key.secret)
  expect(await verdict(world, other.secret)).toBe('ACCEPTED')
})

test('it waits at a limit until Retry-After has passed, and once', async () => {
  const it = await integration(endOfMinuteAt(3), { requestsPerMinute: 3 })
  expect(await it.run()).toEqual(well)
  expect(operations(it)).toEqual([
    'WhoAmI 200',
    'ListAgents 200',
    'ListAgents 429',
    'ListAgents 200',
  ])
})

test('it asks again while the server is away', async () => {
  let away = 2
  const it = await integration((_, answer) => (--away >= 0 ? unavailable() : answer()))
  expect(await it.run()).toEqual(well)
  expect(operations(it).slice(0, 3)).toEqual(['WhoAmI 503', 'WhoAmI 503', 'WhoAmI 200'])
})

test('it refuses a file that others can read, and warns of the end of its key', async () => {
  const expiresAt = new Date(Date.now() + 10 * 86_400_000).toISOString()
  const it = await integration(undefined, { expiresAt })
  expect(await it.run()).toEqual({
    ...well,
    stderr: `The key ${it.key.id} expires at ${expiresAt}. Rotation does not extend it.\n`,
  })
  await chmod(it.file, 0o640)
  const { code, agents, stderr } = await it.run()
  expect({ code, agents }).toEqual({ code: 1, agents: 0 })
  expect(stderr).toContain(`others can read ${it.file}: chmod 600 ${it.file}`)
})

test('README.md of the example: the key that it makes is enough', async () => {
  const readme = await readFile('examples/node/README.md', 'utf8')
  const [, commands = ''] = /^```sh\n(.*?)^```$/ms.exec(readme) ?? []
  const [define] = await readTour()
  const server = await startServer({ DATA_DIR: await createFolder() })
  const api = `${server.url}/graphql`
  const folder = await createFolder()
  await symlink(resolve('examples'), join(folder, 'examples'))
  const before = `cd '${folder}'\nOWNER='${server.printedKeys[0]}'\n`
  const gql = define?.commands.replace('http://127.0.0.1:4000/graphql', api) ?? ''
  const { output, exited } = start('sh', ['-ec', before + gql + commands], { LATCHKEY_URL: api })
  expect({ code: await exited, ...output }).toEqual({ code: 0, stdout: '', stderr: '' })

  const file = join(folder, 'latchkey.key')
  const secret = (await readFile(file, 'utf8')).trim()
  const { data } = await server.gql(secret, '{ viewer { apiKey { id } } }')
  const { id } = data.viewer.apiKey
  const rotated = await server.gql(
    secret,
    `mutation { rotateApiKey(input: { id: "${id}" }) { secret } }`,
  )
  expect(rotated.data.rotateApiKey.secret).toMatch(/^lk_/)
})
