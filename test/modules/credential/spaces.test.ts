import { beforeAll, expect, test } from 'vitest'
import { newId } from '../../../src/ids.ts'
import { addHuman, humanKey } from '../../setup/human.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { mint } from '../access-token/ask.ts'
import { verify } from './ask.ts'

let gateway: string
let spaces: { open: string; restricted: string; deleted: string; foreign: string }
let count = 0

const makeKey = (input: object = {}): Promise<{ id: string; secret: string }> =>
  seed(world, workspace.secret).key({ name: `key ${++count}`, ...input })

useWorkspace()
beforeAll(async () => {
  const { space } = seed(world, workspace.secret)
  const other = await world.createWorkspace()
  spaces = {
    open: await space({ name: 'open', visibility: 'OPEN' }),
    restricted: await space({ name: 'restricted' }),
    deleted: await space({ name: 'deleted', visibility: 'OPEN' }),
    foreign: await seed(world, other.secret).space({ name: 'foreign', visibility: 'OPEN' }),
  }
  await done(world, workspace.secret, 'deleteSpace', 'deletedId', { id: spaces.deleted })
  gateway = (await makeKey({ permissions: ['keys:verify', 'keys:read'] })).secret
})

// What there is and what there is not within somebody else's reach must look the same.
test('a space that is not there is one that is not reached, also for who has all of them', async () => {
  const human = await addHuman(world, workspace, 'MEMBER')
  const terms = { permissions: ['agents:read'], allSpaces: true }
  const owner = await makeKey({ ...terms })
  const listed = await makeKey({ permissions: ['agents:read'], spaces: [{ spaceId: spaces.open }] })
  const credentials = {
    owner: owner.secret,
    token: (await mint(world, owner.secret)).token,
    listed: listed.secret,
    member: (await humanKey(world, workspace, human, terms)).secret,
  }
  const absent = [spaces.deleted, spaces.foreign, newId('spc'), newId('agt'), workspace.id, '', '*']
  absent.push(
    spaces.open.toUpperCase(),
    ` ${spaces.open}`,
    `${spaces.open}\u0000`,
    'x'.repeat(5_000),
  )
  for (const [name, secret] of Object.entries(credentials)) {
    const ask = (spaceIds: string[]) =>
      verify(world, gateway, { secret, permissions: ['agents:read'], spaceIds })
    const refused = await ask([newId('spc')])
    expect([name, refused]).toMatchObject([
      name,
      {
        valid: false,
        code: 'SPACE_NOT_ALLOWED',
        permissions: [],
        missingPermissions: ['agents:read'],
      },
    ])
    for (const id of absent)
      for (const ids of [[id], [spaces.open, id], [id, id]])
        expect([name, ids, await ask(ids)]).toEqual([name, ids, refused])
    expect(await ask([spaces.open, spaces.open])).toMatchObject({ code: 'VALID' })
    const reaches = name === 'owner' || name === 'token'
    expect([name, (await ask([spaces.restricted])).valid]).toEqual([name, reaches])
  }
})

// A gateway serves the whole workspace, whatever spaces its own key is for.
test('a key is verified that the verifier does not see, and is told of as it is', async () => {
  const { secret, id } = await makeKey({ permissions: ['agents:read'], allSpaces: true })
  const blind = 'query ($id: ID!) { apiKey(id: $id) { id } }'
  expect((await world.gql(gateway, blind, { id })).data).toEqual({ apiKey: null })
  const spaceIds = [spaces.restricted]
  expect(await verify(world, gateway, { secret, spaceIds })).toMatchObject({
    valid: true,
    apiKey: { id },
  })
})
