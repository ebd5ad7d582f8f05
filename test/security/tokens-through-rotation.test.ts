import { expect, onTestFinished, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { depsOver } from '../setup/deps.ts'
import { jumpingClock } from '../setup/monotonic-clock.ts'
import { replicaBeside } from '../setup/second-server.ts'
import { done } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { headerOf, verdictOn } from './forge.ts'

useWorkspace()

/** Another server on the same database, which has read its signing keys by itself. */
async function anotherServer() {
  const { prisma, logger } = world.deps
  const replica = await replicaBeside(world.deps)
  onTestFinished(() => replica.leave())
  const close = async () => undefined
  const deps = await depsOver({ prisma, embedded: false, replica, close }, logger)
  return {
    deps,
    app: createApp(deps, { graphiql: false, introspection: 'public', trustedProxies: [] }),
  }
}

const mint = async (): Promise<string> => {
  const token = 'createAccessToken'
  return (await done(world, workspace.secret, token, 'token', {})).token
}

/** Lets every key have been made that much earlier. */
const age = (minutes: number): Promise<unknown> =>
  world.deps.prisma.$executeRaw`
    UPDATE "SigningKey" SET "signsFrom" = "signsFrom" - ${minutes} * interval '1 minute'`

// The keys change under running servers; no client may notice.
test('through a rotation no token is refused, on any server, at any moment', async () => {
  const other = await anotherServer()
  const clock = jumpingClock()
  const minted: string[] = []
  const kids = new Set<unknown>()
  let isOver = false
  const use = async (): Promise<void> => {
    while (!isOver) {
      const token = await mint()
      minted.push(token)
      kids.add(headerOf(token).kid)
      for (const server of [world, other]) expect(await verdictOn(server, token)).toBe('ACCEPTED')
      const [first = token] = minted
      for (const server of [other, world]) expect(await verdictOn(server, first)).toBe('ACCEPTED')
    }
  }
  const rotate = async (): Promise<void> => {
    const until = async (count: number): Promise<void> => {
      const enough = minted.length + count
      while (minted.length < enough && !isOver) await new Promise(setImmediate)
    }
    const { id } = await other.deps.signingKeys.rotate()
    await until(5)
    expect(kids).not.toContain(id)
    await age(10)
    await until(5)
    clock.forward(60_000)
    await until(10)
    expect(kids).toContain(id)
    expect(kids.size).toBe(2)
  }
  const end = (): void => {
    isOver = true
  }
  const results = await Promise.allSettled([use().finally(end), rotate().finally(end)])
  expect(results).toEqual(results.map(() => ({ status: 'fulfilled', value: undefined })))

  // The tokens of before go on to their end, also where only the database tells of both keys.
  const [before = '', after = ''] = [minted[0], minted.at(-1)]
  expect(headerOf(before).kid).not.toBe(headerOf(after).kid)
  const late = await anotherServer()
  for (const server of [world, other, late])
    for (const token of [before, after]) expect(await verdictOn(server, token)).toBe('ACCEPTED')
})
