import { beforeAll, expect, test } from 'vitest'
import { outcome } from '../../setup/outcome.ts'
import { seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { type View, view } from '../../setup/view.ts'

let spaces: Record<'a' | 'b', string>

let count = 0
const name = (): string => `Key ${++count}`

useWorkspace()
beforeAll(async () => {
  const { space } = seed(world, workspace.secret)
  spaces = { a: await space({ name: 'A' }), b: await space({ name: 'B' }) }
})

/** The spaces of a key: all of them, a list, or none. */
type Reach = 'all' | 'a' | 'b' | 'none'

const list = (space: 'a' | 'b') => [{ spaceId: spaces[space] }]

function makeKey(reach: Reach): Promise<{ id: string; secret: string }> {
  const where =
    reach === 'all'
      ? { allSpaces: true }
      : reach === 'none'
        ? { spaces: [] }
        : { spaces: list(reach) }
  const permissions = ['spaces:read']
  return seed(world, workspace.secret).key({ name: name(), permissions, ...where })
}

async function reachOf(secret: string): Promise<Reach> {
  const seen = (await view(world, secret)) as View
  if (seen.allSpaces) return 'all'
  const ids = Object.keys(seen.spaces)
  return ids.length === 0 ? 'none' : ids[0] === spaces.a ? 'a' : 'b'
}

/** What the input says about spaces; an absent field stays as it is. */
const allSpacesInputs = { absent: {}, true: { allSpaces: true }, false: { allSpaces: false } }
const spacesInputs = () => ({ absent: {}, empty: { spaces: [] }, list: { spaces: list('b') } })

/** By allSpaces, then by spaces: the result for a key with all spaces, with a list, and with none. */
const expected = {
  absent: {
    absent: { all: 'all', a: 'a', none: 'none' },
    empty: { all: 'none', a: 'none', none: 'none' },
    list: { all: 'b', a: 'b', none: 'b' },
  },
  true: {
    absent: { all: 'all', a: 'all', none: 'all' },
    empty: { all: 'all', a: 'all', none: 'all' },
    list: 'INVALID input.spaces',
  },
  false: {
    absent: { all: 'none', a: 'a', none: 'none' },
    empty: { all: 'none', a: 'none', none: 'none' },
    list: { all: 'b', a: 'b', none: 'b' },
  },
} as const

const cases = (['absent', 'true', 'false'] as const).flatMap((allSpaces) =>
  (['absent', 'empty', 'list'] as const).flatMap((spacesGiven) =>
    (['all', 'a', 'none'] as const).map((before) => ({ allSpaces, spacesGiven, before })),
  ),
)

test.each(cases)(
  'updateApiKey: allSpaces $allSpaces, spaces $spacesGiven on a key with $before',
  async ({ allSpaces, spacesGiven, before }) => {
    const { id, secret } = await makeKey(before)
    const input = { id, ...allSpacesInputs[allSpaces], ...spacesInputs()[spacesGiven] }
    const result = await outcome(world, workspace.secret, 'updateApiKey', input)
    const row = expected[allSpaces][spacesGiven]
    if (typeof row === 'string') {
      expect(result).toEqual([row])
      expect(await reachOf(secret)).toBe(before)
      return
    }
    expect(result).toEqual(['done'])
    expect(await reachOf(secret)).toBe(row[before])
  },
)

test('updateApiKey: null for allSpaces or spaces is INVALID and changes nothing', async () => {
  for (const before of ['all', 'a', 'none'] as const)
    for (const field of ['allSpaces', 'spaces']) {
      const { id, secret } = await makeKey(before)
      const input = { id, [field]: null }
      expect(await outcome(world, workspace.secret, 'updateApiKey', input)).toEqual([
        `INVALID input.${field}`,
      ])
      expect(await reachOf(secret)).toBe(before)
    }
})

test('createApiKey: the spaces are those of the list or all; with permissions in spaces one is given', async () => {
  const table: [object, Reach | string][] = [
    [{}, 'INVALID input.spaces'],
    [{ spaces: [] }, 'none'],
    [{ spaces: null, allSpaces: null }, 'INVALID input.spaces'],
    [{ allSpaces: false }, 'INVALID input.spaces'],
    [{ permissions: [] }, 'none'],
    [{ allSpaces: false, spaces: [] }, 'none'],
    [{ allSpaces: true, spaces: [] }, 'all'],
    [{ allSpaces: false, spaces: list('a') }, 'a'],
    [{ allSpaces: true, spaces: list('a') }, 'INVALID input.spaces'],
  ]
  for (const [input, result] of table) {
    const given = { name: name(), permissions: ['spaces:read'], ...input }
    if (result.startsWith('INVALID'))
      expect(await outcome(world, workspace.secret, 'createApiKey', given)).toEqual([result])
    else expect(await reachOf((await seed(world, workspace.secret).key(given)).secret)).toBe(result)
  }
})

test('updateApiKey: a key without spaces:* may take all spaces away from itself by []', async () => {
  const permissions = ['keys:read', 'keys:update', 'spaces:read']
  const input = { name: name(), permissions, allSpaces: true }
  const { id, secret } = await seed(world, workspace.secret).key(input)
  expect(await outcome(world, secret, 'updateApiKey', { id, spaces: [] })).toEqual(['done'])
  expect(await reachOf(secret)).toBe('none')
  expect(await outcome(world, secret, 'updateApiKey', { id, allSpaces: true })).toEqual([
    'SPACE_NOT_GRANTABLE input.allSpaces',
  ])
})
