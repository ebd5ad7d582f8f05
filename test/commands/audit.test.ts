import { afterAll, beforeAll, expect, test } from 'vitest'
import { readCommand } from '../../src/commands/commands.ts'
import { UsageError } from '../../src/commands/define.ts'
import { CommandError } from '../../src/db/admin-socket.ts'
import { growChain } from '../modules/audit/grow-chain.ts'
import { seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { operator, operatorIn } from './operator.ts'

let world: World
let workspace: TestWorkspace

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
  await seed(world, workspace.secret).key({ name: 'ключ', permissions: ['keys:read'] })
  await growChain(world, workspace, 1_200)
})
afterAll(() => world.close())

const rowOf = () => world.deps.prisma.workspace.findUniqueOrThrow({ where: { id: workspace.id } })

/** The lines that an export writes, each of them JSON. */
async function exported(...options: string[]): Promise<any[]> {
  const parts: string[] = []
  const argv = ['audit', 'export', '--workspace', workspace.slug, ...options]
  const rest = await readCommand(argv)(world.deps, (part) => Promise.resolve(parts.push(part) > 0))
  expect(rest).toBe('')
  const text = parts.join('')
  expect(text === '' || text.endsWith('\n')).toBe(true)
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}

test('verify says that a chain is intact, with its end', async () => {
  const { auditHash: headHash } = await rowOf()
  expect(await operator(world)('audit', 'verify', '--workspace', workspace.slug)).toBe(
    `The audit chain is intact: 1202 events, the last with the hash ${headHash}.`,
  )
  expect(await operatorIn(world, workspace)('audit', 'verify')).toEqual({
    ...{ intact: true, checkedEvents: 1202, headSequence: 1202, headHash },
    ...{ firstBrokenEventId: null, firstBrokenSequence: null },
  })
})

test('verify fails where the chain is broken, and names the place', async () => {
  const { prisma } = world.deps
  const its = { workspaceId: workspace.id, sequence: 7n }
  const event = await prisma.auditEvent.findFirstOrThrow({ where: its })
  const verify = (...options: string[]) =>
    operator(world)('audit', 'verify', '--workspace', workspace.slug, ...options)
  await prisma.auditEvent.updateMany({ where: its, data: { actorName: 'Nobody' } })
  const broken = `The audit chain is broken at number 7, the event ${event.id}.`
  await expect(verify()).rejects.toThrow(broken)
  const error = await verify('--json').catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(CommandError)
  expect((error as CommandError).message).toBe(broken)
  expect(JSON.parse((error as CommandError).output ?? '')).toMatchObject({
    ...{ intact: false, firstBrokenEventId: event.id, firstBrokenSequence: 7 },
  })
  await prisma.auditEvent.deleteMany({ where: its })
  await expect(verify()).rejects.toThrow('broken at number 7, which is missing.')
  await prisma.auditEvent.create({ data: event })
  expect(await verify()).toContain('intact')
})

// What is exported must prove itself elsewhere: all of it, each event once, in its order.
test('export writes every event as a line of JSON, the oldest first', async () => {
  const events = await exported()
  expect(events.map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: 1_202 }, (_, index) => String(index + 1)),
  )
  const row = await world.deps.prisma.auditEvent.findFirstOrThrow({
    where: { workspaceId: workspace.id, sequence: 2n },
  })
  const { at, sequence, changes, ...rest } = row
  expect(events[1]).toEqual({
    ...{ ...rest, at: at.toISOString(), sequence: String(sequence) },
    changes: JSON.parse(changes),
  })
  expect(events[1]).toMatchObject({ action: 'api_key.created', targetName: 'ключ' })
})

test('export takes a part of the log', async () => {
  const minute = ['--since', '2040-01-01T00:01:00Z', '--until', '2040-01-01T00:02:00Z']
  const events = await exported(...minute)
  expect(events).toHaveLength(60)
  expect([events[0].targetName, events[59].targetName]).toEqual(['space 60', 'space 119'])
  expect(await exported('--since', '2050-01-01')).toEqual([])
})

test.each([
  [['--since', 'yesterday'], '--since: "yesterday" is no instant'],
  [['--until', '2026-01-01', '--since', '2026-01-01'], '--until must be later than --since'],
  [['--json'], "Unknown option '--json'"],
])('export %j cannot be run', (options, message) => {
  expect(() => readCommand(['audit', 'export', ...options])).toThrow(UsageError)
  expect(() => readCommand(['audit', 'export', ...options])).toThrow(message)
})

test('export ends as soon as nobody takes what it writes', async () => {
  let parts = 0
  const gone = (): Promise<boolean> => {
    parts += 1
    return Promise.resolve(false)
  }
  const argv = ['audit', 'export', '--workspace', workspace.slug]
  expect(await readCommand(argv)(world.deps, gone)).toBe('')
  expect(parts).toBe(1)
})
