import { beforeEach, expect, test } from 'vitest'
import { readCommand } from '../../../src/commands/commands.ts'
import { outcome } from '../../setup/outcome.ts'
import { seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'

let workspace: TestWorkspace

useWorld()
beforeEach(async () => {
  workspace = await world.createWorkspace()
})

const plan = (...argv: string[]): Promise<string> =>
  readCommand(['workspace', 'plan', workspace.slug, ...argv])(world.deps)

const marks = () =>
  world.deps.prisma.workspace.findUniqueOrThrow({
    where: { id: workspace.id },
    select: { epoch: true, auditSequence: true },
  })

const changesOf = async (): Promise<unknown[]> => {
  const events = await world.deps.prisma.auditEvent.findMany({
    where: { workspaceId: workspace.id, action: 'workspace.plan_changed' },
    orderBy: { sequence: 'asc' },
  })
  for (const event of events)
    expect(event).toMatchObject({
      actorKind: null,
      actorName: 'operator',
      targetId: workspace.id,
      targetName: workspace.slug,
    })
  return events.map(({ changes }) =>
    JSON.parse(changes).map(({ field, before, after }: Record<string, string>) => [
      field,
      before,
      after,
    ]),
  )
}

test('another plan is in the audit with what it was before, and every cache learns of it', async () => {
  const before = await marks()
  await plan('PRO')
  await plan('ENTERPRISE', '--live-keys', '0', '--requests-per-minute', '2147483647')
  await plan('enterprise', '--live-keys', '5')
  await plan('Free')
  expect(await changesOf()).toEqual([
    [['plan', '"ENTERPRISE"', '"PRO"']],
    [
      ['plan', '"PRO"', '"ENTERPRISE"'],
      ['enterpriseRequestsPerMinute', 'null', '2147483647'],
      ['enterpriseKeyLimit', 'null', '0'],
    ],
    [
      ['enterpriseRequestsPerMinute', '2147483647', 'null'],
      ['enterpriseKeyLimit', '0', '5'],
    ],
    [
      ['plan', '"ENTERPRISE"', '"FREE"'],
      ['enterpriseKeyLimit', '5', 'null'],
    ],
  ])
  expect(await marks()).toEqual({
    epoch: before.epoch + 4n,
    auditSequence: before.auditSequence + 4n,
  })
})

test('the same plan with the same limits again changes nothing, and says so', async () => {
  await plan('ENTERPRISE', '--live-keys', '5')
  const before = await marks()
  expect(await plan('Enterprise', '--live-keys', '05')).toMatch(/^Nothing was changed: /)
  expect(await marks()).toEqual(before)
})

test('a workspace that there is not is told as such', async () => {
  const elsewhere = readCommand(['workspace', 'plan', 'none', 'free'])
  await expect(elsewhere(world.deps)).rejects.toThrow('There is no workspace "none".')
})

// Who downgrades wants less from now on, and no integration to stop.
test('keys above the limit of a new plan live on, and no more are made', async () => {
  const make = seed(world, workspace.secret)
  for (const name of ['one', 'two']) await make.key({ name })
  await plan('ENTERPRISE', '--live-keys', '2')
  const create = () => outcome(world, workspace.secret, 'createApiKey', { name: 'three' })
  expect(await create()).toEqual(['LIMIT_REACHED'])
  const { data } = await world.gql(workspace.secret, '{ workspace { keyLimit apiKeyCount } }')
  expect(data.workspace).toEqual({ keyLimit: 2, apiKeyCount: 3 })
  await plan('ENTERPRISE', '--live-keys', '4')
  expect(await create()).toEqual(['done'])
  await plan('ENTERPRISE', '--live-keys', '0')
  expect(await outcome(world, workspace.secret, 'createApiKey', { name: 'four' })).toEqual([
    'LIMIT_REACHED',
  ])
})

const help = '; see latchkey workspace plan --help'
const usage = `expected latchkey workspace plan <slug> <plan>${help}`
const wrongNumber = 'expected a whole number from 0 to 2147483647'

test.each([
  [[], usage],
  [['free', 'pro'], usage],
  [['free', '--seats', '5'], `Unknown option '--seats'${help}`],
  [['enterprise', '--live-keys'], "Option '--live-keys <value>' argument missing; see "],
  [['enterprise', '--live-keys', '-1'], "Option '--live-keys' argument is ambiguous. Did you "],
  [['enterprise', '--live-keys=1', '--live-keys=2'], `Option '--live-keys' is given twice${help}`],
  [['pro', '--live-keys', '5'], /^--live-keys is for ENTERPRISE; expected none with PRO$/],
  [['enterprise', '--live-keys='], new RegExp(`^--live-keys is ""; ${wrongNumber}$`)],
  [['enterprise', '--live-keys=1e3'], new RegExp(`^--live-keys is "1e3"; ${wrongNumber}$`)],
  [
    ['enterprise', '--requests-per-minute', '2147483648'],
    new RegExp(`^--requests-per-minute is "2147483648"; ${wrongNumber}$`),
  ],
])('workspace plan %j is refused in one line', (argv, line) => {
  expect(() => plan(...argv)).toThrow(line)
})
