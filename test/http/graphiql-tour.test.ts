import { expect, test } from 'vitest'
import { readGraphiqlTabs } from '../../scripts/graphiql/tabs.ts'
import {
  CreateKeyForTwoSpacesDocument,
  CreateScopeDocument,
  CreateTwoSpacesDocument,
  InviteMemberDocument,
  KeysToReviewDocument,
  RevokeKeyDocument,
  RotateKeyDocument,
  WhatDoesItNeedDocument,
  WhatIsHereDocument,
  WhoAmIDocument,
  WhoDidWhatDocument,
  WhyIsItRefusedDocument,
} from '../generated/operations.ts'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

useWorkspace()

/** A tab's variables, with values for what stands in angle brackets. */
function variablesOf(tab: number, values: Readonly<Record<string, string | undefined>> = {}) {
  const { variables } = readGraphiqlTabs()[tab - 1] ?? { variables: '' }
  return JSON.parse(variables.replace(/<[^<>]+>/g, (placeholder) => values[placeholder] ?? '?'))
}

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString()

test('the tabs lead an admin from the first query to the end of a key', async () => {
  const me = await world.run(workspace.secret, WhoAmIDocument, {})
  expect(me.data?.viewer).toMatchObject({ kind: 'API_KEY', role: 'OWNER', allSpaces: true })

  const made = await world.run(workspace.secret, CreateTwoSpacesDocument, variablesOf(3))
  expect([made.data?.one?.errors, made.data?.another?.errors]).toEqual([[], []])
  const spaceIds = [made.data?.one?.space?.id ?? '', made.data?.another?.space?.id ?? '']
  const make = seed(world, workspace.secret)
  await make.space({ name: 'Finance' })
  await make.agent({ name: 'Triage', spaceIds })
  await make.scope({ name: 'Readers', permissions: ['agents:read', 'spaces:read'] })
  const here = await world.run(workspace.secret, WhatIsHereDocument, {})
  expect(here.errors).toEqual([])
  expect(here.data?.workspaces.nodes).toHaveLength(1)
  const names = here.data?.spaces?.nodes.map(({ name }) => name)
  expect(names?.toSorted()).toEqual(['Finance', 'Sales', 'Support'])
  expect(here.data?.agents?.nodes).toMatchObject([{ name: 'Triage' }])
  expect(here.data?.members?.nodes).toMatchObject([{ role: 'OWNER' }])
  expect(here.data?.scopes?.nodes).toMatchObject([{ name: 'Readers' }])

  const spaces = { '<id of a space>': spaceIds[0], '<id of another space>': spaceIds[1] }
  const created = await world.run(
    workspace.secret,
    CreateKeyForTwoSpacesDocument,
    variablesOf(4, spaces),
  )
  expect(created.data?.createApiKey?.errors).toEqual([])
  const id = created.data?.createApiKey?.apiKey?.id ?? ''
  const first = created.data?.createApiKey?.secret ?? ''

  const date = { '<in 30 days>': inDays(30) }
  const review = await world.run(workspace.secret, KeysToReviewDocument, variablesOf(5, date))
  expect(review.errors).toEqual([])
  expect(review.data?.unused?.nodes.map((key) => key.id)).toContain(id)

  const seen = await world.run(first, WhoAmIDocument, {})
  const rights = seen.data?.viewer.spaces.map(({ space, permissions }) => [
    space?.name,
    permissions,
  ])
  expect(Object.fromEntries(rights ?? [])).toEqual({
    Support: ['spaces:read', 'agents:read', 'agents:update'],
    Sales: ['spaces:read', 'agents:read'],
  })

  const key = { '<id of the key>': id }
  const rotated = await world.run(workspace.secret, RotateKeyDocument, variablesOf(6, key))
  expect(rotated.data?.rotateApiKey?.errors).toEqual([])
  const second = rotated.data?.rotateApiKey?.secret ?? ''
  for (const secret of [first, second])
    expect((await world.run(secret, WhoAmIDocument, {})).status).toBe(200)

  const revoked = await world.run(workspace.secret, RevokeKeyDocument, variablesOf(7, key))
  expect(revoked.data?.revokeApiKey).toMatchObject({ revokedCount: 1, errors: [] })
  for (const secret of [first, second])
    expect((await world.run(secret, WhoAmIDocument, {})).status).toBe(401)

  const log = await world.run(workspace.secret, WhoDidWhatDocument, variablesOf(12))
  expect(log.data?.auditEvents?.nodes.slice(0, 2)).toMatchObject([
    { action: 'api_key.revoked', actorName: 'Olga Owner' },
    { action: 'api_key.created', actorName: 'Olga Owner' },
  ])
  expect(log.data?.auditIntegrity).toMatchObject({ intact: true, firstBrokenSequence: null })
})

test('KeysToReview: lists a key that expires soon, and not one that expires later', async () => {
  const { secret } = await world.createWorkspace()
  const make = seed(world, secret)
  const { id } = await make.key({ name: 'soon', allSpaces: true, expiresAt: inDays(29) })
  await make.key({ name: 'later', allSpaces: true, expiresAt: inDays(31) })
  const variables = variablesOf(5, { '<in 30 days>': inDays(30) })
  const review = await world.run(secret, KeysToReviewDocument, variables)
  expect(review.data?.expiring?.nodes.map((key) => key.id)).toEqual([id])
})

test('CreateScope and InviteMember: succeed with the variables that they come with', async () => {
  const scope = await world.run(workspace.secret, CreateScopeDocument, variablesOf(8))
  expect(scope.data?.createScope).toMatchObject({ scope: { keyCount: 0 }, errors: [] })
  const member = await world.run(workspace.secret, InviteMemberDocument, variablesOf(9))
  expect(member.data?.addMember).toMatchObject({ member: { role: 'MEMBER' }, errors: [] })
})

test('WhatDoesItNeed and WhyIsItRefused: answer with the variables that they come with', async () => {
  const needs = await world.run(workspace.secret, WhatDoesItNeedDocument, variablesOf(10) as never)
  expect(needs.data?.requiredPermissions).toMatchObject({
    permissions: ['spaces:read', 'agents:read'],
    errors: [],
  })
  const id = { '<id of the key>': workspace.keyId }
  const why = await world.run(workspace.secret, WhyIsItRefusedDocument, variablesOf(11, id))
  expect(why.data?.explainAccess).toMatchObject({ allowed: true, code: 'VALID' })
})
