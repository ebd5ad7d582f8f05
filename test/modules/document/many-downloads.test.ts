import { expect, test, vi } from 'vitest'
import { useWorld, world } from '../../setup/use-world.ts'
import { createStage, download, type Stage, uploaded } from './ask.ts'

// More than what passes before anybody reads.
const content = 'x'.repeat(500_000)

useWorld()

interface Shelf extends Stage {
  readonly id: string
}

async function createShelf(): Promise<Shelf> {
  const stage = await createStage(world)
  return { ...stage, ...(await uploaded(world, stage.workspace.secret, stage.session, content)) }
}

/** Downloads that nobody reads, so many at once. */
const begin = ({ workspace, id }: Shelf, count: number): Promise<Response[]> =>
  Promise.all(Array.from({ length: count }, () => download(world, workspace.secret, id)))

const end = (responses: readonly Response[]) =>
  Promise.all(responses.map(({ body }) => body?.cancel()))

const statusesOf = (responses: readonly Response[]) => [
  ...new Set(responses.map(({ status }) => status)),
]

test('of 400 downloads at once a workspace has 100, and there is room again once they end', async () => {
  const [first, ...others] = await Promise.all([1, 2, 3, 4].map(createShelf))
  const fifth = await createShelf()
  if (first === undefined) throw new Error('there is none')
  const begun = await begin(first, 100)
  expect(statusesOf(begun)).toEqual([200])
  const [refused] = await begin(first, 1)
  expect([refused?.status, refused?.headers.get('retry-after')]).toEqual([429, '1'])
  for (const shelf of others) {
    const more = await begin(shelf, 100)
    expect(statusesOf(more)).toEqual([200])
    begun.push(...more)
  }
  const [none] = await begin(fifth, 1)
  expect([none?.status, none?.headers.get('retry-after')]).toEqual([503, '1'])
  await end(begun)
  await vi.waitFor(async () => expect(statusesOf(await begin(fifth, 1))).toEqual([200]), {
    timeout: 10_000,
  })
  const [read] = await begin(first, 1)
  expect((await read?.text())?.length).toBe(content.length)
})

test('what is not given takes no place', async () => {
  const shelf = await createShelf()
  for (let i = 0; i < 110; i++) {
    const { headers } = await download(world, null, shelf.id, {
      method: 'HEAD',
      headers: { authorization: `Bearer ${shelf.workspace.secret}` },
    })
    expect(headers.get('content-length')).toBe(String(content.length))
  }
  expect(statusesOf(await begin(shelf, 1))).toEqual([200])
})
