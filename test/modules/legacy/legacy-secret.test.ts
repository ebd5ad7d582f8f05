import { beforeEach, expect, test } from 'vitest'
import { storesNothing } from '../../input/nothing-stored.ts'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { verdict } from '../api-key/ask.ts'
import { importKeys, importOne, legacyKey } from './ask.ts'

let workspace: TestWorkspace
let make: ReturnType<typeof seed>
let robot: { id: string; userId: string }

useWorld()

beforeEach(async () => {
  workspace = await world.createWorkspace()
  make = seed(world, workspace.secret)
  robot = await make.machine({ name: 'Robot', role: 'ADMIN' })
})

const inSeconds = (seconds: number): Date => new Date(Date.now() + seconds * 1_000)
const legacy = (permissions: string[]) =>
  importOne(world, workspace.secret, legacyKey(robot.userId, { permissions, allSpaces: true }))
const migrate = (id: string, input: object = {}) =>
  done(world, workspace.secret, 'migrateLegacyKey', 'secret apiKey { rotatedAt }', {
    id,
    ...input,
  })
const refused = (secret: string, mutation: string, input: Readonly<Record<string, unknown>>) =>
  storesNothing(world, () => outcome(world, secret, mutation, input))

// Whoever still has the secret of the old system must not shut out whom the migration was for.
test('a migrated key gets no other secret by its legacy one', async () => {
  const permissions = ['keys:read', 'keys:update', 'members:read']
  const key = await legacy(permissions)
  const { secret, apiKey } = await migrate(key.id)
  const rotation = { id: key.id, overlapSeconds: 0, expectedRotatedAt: apiKey.rotatedAt }
  expect(await refused(key.secret, 'rotateApiKey', rotation)).toEqual(['WRONG_STATE input.id'])
  for (const either of [key.secret, secret]) expect(await verdict(world, either)).toBe('ACCEPTED')
  expect(await outcome(world, secret, 'rotateApiKey', rotation)).toEqual(['done'])

  const ending = await legacy(permissions)
  const migrated = await migrate(ending.id, { expiresAt: inSeconds(600).toISOString() })
  const other = await make.machine({ name: 'Other', role: 'ADMIN' })
  const transfer = { id: ending.id, ownerId: other.userId }
  expect(await refused(ending.secret, 'transferApiKey', transfer)).toEqual(['WRONG_STATE input.id'])
  expect(await outcome(world, migrated.secret, 'transferApiKey', transfer)).toEqual(['done'])
})

// The sunset would bind nobody who could leave something behind that lives on.
test('what is made, changed or moved by a legacy secret ends by the sunset', async () => {
  const key = await legacy(['*'])
  const other = await legacy(['agents:read'])
  const ordinary = await make.key({ name: 'ordinary', ownerId: robot.userId })
  const at = inSeconds(600)
  const sunset = { legacyKeySunsetAt: at.toISOString() }
  await done(world, workspace.secret, 'updateWorkspace', 'workspace { id }', sunset)
  const [inTime, late] = [at, inSeconds(700)].map((end) => ({ expiresAt: end.toISOString() }))
  const beyond = ['EXPIRY_NOT_ALLOWED input.expiresAt']
  const roads: [string, Readonly<Record<string, unknown>>][] = [
    ['createApiKey', { name: 'made', ownerId: robot.userId }],
    ['migrateLegacyKey', { id: other.id }],
    ['migrateLegacyKey', { id: key.id }],
  ]
  for (const [mutation, input] of roads) {
    for (const end of [{}, late])
      expect(await refused(key.secret, mutation, { ...input, ...end })).toEqual(beyond)
    expect(await outcome(world, key.secret, mutation, { ...input, ...inTime })).toEqual(['done'])
  }
  const again = await legacy(['*'])
  expect(await refused(again.secret, 'rotateApiKey', { id: ordinary.id })).toEqual([
    'EXPIRY_NOT_ALLOWED input.id',
  ])
  const moved = { legacyKeySunsetAt: late?.expiresAt }
  expect(await refused(again.secret, 'updateWorkspace', moved)).toEqual([
    'EXPIRY_NOT_ALLOWED input.legacyKeySunsetAt',
  ])
  const { errors } = await importKeys(world, again.secret, [legacyKey(robot.userId)])
  expect(errors).toEqual(['EXPIRY_NOT_ALLOWED'])
})

test('without a sunset a legacy secret makes what has no end', async () => {
  const key = await legacy(['*'])
  const made = { name: 'made', ownerId: robot.userId }
  expect(await outcome(world, key.secret, 'createApiKey', made)).toEqual(['done'])
  expect(await outcome(world, key.secret, 'migrateLegacyKey', { id: key.id })).toEqual(['done'])
})
