import { expect, test } from 'vitest'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'

useWorkspace()

test.each([
  [
    { actions: ['space.created', 'space.painted'] },
    'actions.1',
    'There is no action "space.painted".',
  ],
  [{ actions: ['toString'] }, 'actions.0', 'There is no action "toString".'],
  [{ since: 'yesterday' }, 'since', 'since: "yesterday" is no instant'],
  [{ until: '2026-13-01' }, 'until', 'until: "2026-13-01" is no instant'],
  [{ since: '2026-02-01', until: '2026-01-01' }, 'until', 'until must be later than since.'],
])('%j is refused by name', async (filter, path, message) => {
  const { data, errors } = await world.gql(
    workspace.secret,
    'query ($filter: AuditEventFilter) { auditEvents(filter: $filter) { nodes { id } } }',
    { filter },
  )
  expect(data).toEqual({ auditEvents: null })
  expect(errors).toMatchObject([
    {
      message: expect.stringContaining(message),
      extensions: { code: 'BAD_USER_INPUT', path: ['filter', ...path.split('.')] },
    },
  ])
})

test('a cursor that is none of this list is refused, also that of another list', async () => {
  const spaces = await world.gql(workspace.secret, '{ members { pageInfo { endCursor } } }')
  const { endCursor } = spaces.data.members.pageInfo
  const cursors = [
    endCursor,
    '',
    'x',
    btoa('--1'),
    btoa('1.5'),
    btoa('9'.repeat(19)),
    btoa('1'.repeat(40)),
  ]
  for (const after of cursors) {
    const { errors } = await world.gql(
      workspace.secret,
      'query ($after: String) { auditEvents(after: $after) { nodes { id } } }',
      { after },
    )
    expect(errors, after).toMatchObject([
      { extensions: { code: 'BAD_USER_INPUT', path: ['after'] } },
    ])
  }
})

// The log tells of every space: who does not reach all of them reads none of it.
test('only who holds audit:read and has all spaces reads it, by whatever field', async () => {
  const make = seed(world, workspace.secret)
  const space = await make.space({ name: 'one' })
  const owner = { permissions: ['*'], ownerId: workspace.ownerId }
  const limited = await make.key({ ...owner, name: 'limited', spaces: [{ spaceId: space }] })
  const without = await make.key({ name: 'without', permissions: ['keys:*'], allSpaces: true })
  const robot = await make.machine({ name: 'builder', role: 'BUILDER' })
  const builder = await make.key({
    name: 'b',
    ownerId: robot.userId,
    permissions: ['*'],
    allSpaces: true,
  })
  const token = await done(world, workspace.secret, 'createAccessToken', 'token', {
    spaceIds: [space],
  })
  const log = await world.gql(workspace.secret, '{ auditEvents(first: 1) { nodes { id } } }')
  const [{ id }] = log.data.auditEvents.nodes
  for (const secret of [limited.secret, without.secret, builder.secret, token.token])
    for (const field of [
      'auditEvents { nodes { id } }',
      'auditIntegrity { intact }',
      `node(id: "${id}") { id }`,
    ]) {
      const { data, errors } = await world.gql(secret, `{ it: ${field} }`)
      expect(data).toEqual({ it: null })
      expect(errors).toMatchObject([
        { extensions: { code: 'FORBIDDEN', requiredPermissions: ['audit:read'] } },
      ])
    }
})
