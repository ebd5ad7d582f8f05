import { expect, test } from 'vitest'
import { newId } from '../../src/ids.ts'
import { done, seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { insertDocument, insertRun, insertSession } from './insert-session.ts'

/** More of them, and newer, than are judged one by one; in no space. */
const insertNewerAgents = ({ deps }: World, { id }: TestWorkspace) =>
  deps.prisma.$executeRaw`
    INSERT INTO "Agent" ("workspaceId", id, name, "createdAt", "updatedAt")
    SELECT ${id}, 'agt_' || lpad(i::text, 26, '0'), 'newer', now(), now() FROM generate_series(1, 300) i`

// What a role reaches is not listed in a statement, which takes so many parameters and no more. A
// token lists it: then there are too many, which is said.
test('a role can reach more spaces than a statement names', async () => {
  const world = await createWorld()
  try {
    const workspace = await world.createWorkspace()
    const make = seed(world, workspace.secret)
    const [added = '', apart = '', gone = ''] = [
      await make.space({ name: 'added' }),
      await make.space({ name: 'apart' }),
      await make.space({ name: 'gone', visibility: 'OPEN' }),
    ]
    const spaceIds = Array.from({ length: 10_001 }, () => newId('spc'))
    await world.deps.prisma.$executeRaw`
      INSERT INTO "Space"
        ("workspaceId", id, name, "nameKey", visibility, "createdAt", "updatedAt")
      SELECT ${workspace.id}, id, id, id, 'OPEN', now() - interval '1 day', now()
        FROM unnest(${spaceIds}::text[]) AS added (id)`
    const [open = ''] = spaceIds
    const agents = new Map<string, string>()
    for (const [name, spaceIds] of Object.entries({
      open: [open],
      added: [added],
      both: [open, added],
      apart: [apart],
      partly: [open, apart],
      gone: [open, gone],
    }))
      agents.set(name, await make.agent({ name, spaceIds }))
    await done(world, workspace.secret, 'deleteSpace', 'deletedId', { id: gone })
    const { userId } = await make.machine({ name: 'm', role: 'BUILDER', spaceIds: [added] })
    const { secret } = await make.key({
      name: 'k',
      ownerId: userId,
      permissions: ['*:read', 'keys:read', 'tokens:read'],
      allSpaces: true,
    })
    const lists = `{ agents { nodes { name } } spaces(first: 3) { nodes { name agents { nodes { name } } } } }`
    const { data, errors } = await world.gql(
      secret,
      `{ ${[...agents].map(([name, id]) => `${name}: agent(id: "${id}") { name }`).join(' ')}
        ${[added, apart, gone, open].map((id, n) => `s${n}: space(id: "${id}") { id }`).join(' ')}
        ${lists.slice(1)}`,
    )
    expect(errors).toEqual([])
    const names = (list: any): string[] => list.nodes.map(({ name }: any) => name)
    expect(names(data.agents)).toEqual(['both', 'added', 'open'])
    expect([...agents.keys()].filter((name) => data[name] !== null)).toEqual([
      'open',
      'added',
      'both',
    ])
    expect(names(data.spaces)[0]).toBe('added')
    expect(names(data.spaces.nodes[0].agents)).toEqual(['both', 'added'])
    expect([0, 1, 2, 3].map((n) => data[`s${n}`]?.id ?? null)).toEqual([added, null, null, open])

    const session = await insertSession(world, workspace, agents.get('both') ?? '')
    const run = await insertRun(world, workspace, session)
    const document = await insertDocument(world, workspace, session)
    const hidden = await insertSession(world, workspace, agents.get('partly') ?? '')
    const { token } = await done(world, secret, 'createAccessToken', 'token', {})
    const its = `nodes { id runs { nodes { id session { id } } } documents { id session { id } } }`
    const items = `{ session(id: "${session}") { id } run(id: "${run}") { session { id } }
      document(id: "${document}") { session { id } } hidden: session(id: "${hidden}") { id } }`
    const list = `{ sessions { ${its} } }`
    const id = session
    const shown = {
      sessions: {
        nodes: [
          {
            id,
            runs: { nodes: [{ id: run, session: { id } }] },
            documents: [{ id: document, session: { id } }],
          },
        ],
      },
    }
    for (const credential of [secret, token]) {
      expect((await world.gql(credential, items)).data).toEqual({
        session: { id },
        run: { session: { id } },
        document: { session: { id } },
        hidden: null,
      })
      expect((await world.gql(credential, list)).data).toEqual(shown)
    }
    // The newest sessions, of which each is judged, are not all any more.
    await world.deps.prisma.$executeRaw`
      INSERT INTO "Session" ("workspaceId", id, "agentId", "agentVersion", "createdById", "createdAt")
      SELECT ${workspace.id}, 'ses_' || lpad(i::text, 26, '0'), ${agents.get('partly')}, 1,
             ${workspace.ownerId}, now() FROM generate_series(1, 300) i`
    expect((await world.gql(secret, list)).data).toEqual(shown)
    const sessions = await world.gql(token, list)
    expect(sessions.data).toEqual({ sessions: null })
    expect(sessions.errors.map(({ extensions }) => extensions.code)).toEqual(['QUERY_TOO_COMPLEX'])

    await insertNewerAgents(world, workspace)
    expect((await world.gql(secret, lists)).data).toMatchObject({ agents: data.agents })
    const listed = await world.gql(token, lists)
    expect(listed.data).toEqual({ agents: null, spaces: null })
    expect(listed.errors.map(({ extensions }) => extensions.code)).toEqual([
      'QUERY_TOO_COMPLEX',
      'QUERY_TOO_COMPLEX',
    ])
    const { data: one } = await world.gql(token, `{ agent(id: "${agents.get('both')}") { name } }`)
    expect(one).toEqual({ agent: { name: 'both' } })

    const { data: self } = await world.gql(token, '{ viewer { accessToken { id } } }')
    const { accessToken } = self.viewer
    const { id: keyId } = await make.key({
      name: 'of one space',
      ownerId: userId,
      permissions: ['agents:read'],
      spaces: [{ spaceId: open }],
    })
    const key = { id: keyId }
    const credentials = `{ apiKey(id: "${key.id}") { id } accessToken(id: "${accessToken.id}") { id }
      apiKeys { nodes { id } } accessTokens { nodes { id } } nodes(ids: ["${key.id}", "${accessToken.id}"]) { id } }`
    const seen = await world.gql(token, credentials)
    expect(seen.errors).toEqual([])
    expect(seen.data).toEqual({
      apiKey: key,
      accessToken,
      apiKeys: { nodes: [key] },
      accessTokens: { nodes: [accessToken] },
      nodes: [key, accessToken],
    })
    const ends = 'mutation { revokeAccessToken(input: {}) { accessToken { status } } }'
    expect((await world.gql(token, ends)).data).toEqual({
      revokeAccessToken: { accessToken: { status: 'REVOKED' } },
    })
  } finally {
    await world.close()
  }
})

// The newest agents are judged one by one; who sees too few of these has theirs looked for by the spaces.
test('a key for many spaces lists the agents of these alone', async () => {
  const world = await createWorld()
  try {
    const workspace = await world.createWorkspace()
    const make = seed(world, workspace.secret)
    const apart = await make.space({ name: 'apart' })
    const at = new Date(Date.now() - 86_400_000)
    const spaces = Array.from({ length: 101 }, (_, index) => ({
      workspaceId: workspace.id,
      id: newId('spc'),
      name: `${index}`,
      nameKey: `${index}`,
      visibility: 'RESTRICTED' as const,
      createdAt: at,
      updatedAt: at,
    }))
    await world.deps.prisma.space.createMany({ data: spaces })
    const ids = spaces.map(({ id }) => id)
    await make.agent({ name: 'in all', spaceIds: ids })
    await make.agent({ name: 'in one', spaceIds: ids.slice(7, 8) })
    await make.agent({ name: 'partly', spaceIds: [...ids, apart] })
    await make.agent({ name: 'apart', spaceIds: [apart] })
    const none = { workspaceId: workspace.id, id: newId('agt'), name: 'none' }
    await world.deps.prisma.agent.create({ data: { ...none, createdAt: at, updatedAt: at } })
    const { secret } = await make.key({
      name: 'k',
      permissions: ['*:read'],
      spaces: ids.map((spaceId) => ({ spaceId })),
    })
    for (const insert of [() => undefined, () => insertNewerAgents(world, workspace)]) {
      await insert()
      const { data, errors } = await world.gql(secret, '{ agents { nodes { name } } }')
      expect(errors).toEqual([])
      expect(data.agents.nodes).toEqual([{ name: 'in one' }, { name: 'in all' }])
    }
  } finally {
    await world.close()
  }
})
