import { done } from '../../setup/seed.ts'
import type { World } from '../../setup/world.ts'
import { directly } from '../api-key/ask.ts'

type Input = Readonly<Record<string, unknown>>

/** A token as its mutation gave it. */
export interface Minted {
  readonly id: string
  readonly token: string
  readonly expiresInSeconds: number
}

const selection = 'accessToken { id } token expiresInSeconds'
const mintedBy = async (world: World, secret: string, mutation: string, input: Input) => {
  const { accessToken, ...rest } = await done(world, secret, mutation, selection, input)
  return { id: accessToken.id, ...rest } as Minted
}

/** A token of the key that asks, which must succeed. */
export const mint = (world: World, secret: string, input: Input = {}): Promise<Minted> =>
  mintedBy(world, secret, 'createAccessToken', input)

/** The successor of the token that asks, which must succeed. */
export const rotate = (world: World, token: string, input: Input = {}): Promise<Minted> =>
  mintedBy(world, token, 'rotateAccessToken', input)

/** The row of a token. */
export const stored = (world: World, { id }: Pick<Minted, 'id'>) =>
  world.deps.prisma.accessToken.findFirstOrThrow({ where: { id } })

/** Writes into the rows of tokens what only time does, e.g. that one was rotated a while ago. */
export const rewrite = (
  world: World,
  workspaceId: string,
  tokens: readonly Pick<Minted, 'id'>[],
  data: Parameters<World['deps']['prisma']['accessToken']['updateMany']>[0]['data'],
): Promise<void> =>
  directly(world, workspaceId, (prisma) =>
    prisma.accessToken.updateMany({ where: { id: { in: tokens.map(({ id }) => id) } }, data }),
  )

/** An instant so many seconds from now. */
export const inSeconds = (seconds: number): Date => new Date(Date.now() + seconds * 1_000)

type Options = Parameters<World['gql']>[3]

/** What becomes of a request with this key or token: ACCEPTED, or its HTTP status and why. */
export async function verdict(world: World, secret: string, options?: Options): Promise<string> {
  const query = '{ viewer { kind } }'
  const { status, errors } = await world.gql(secret, query, undefined, options)
  const { code, reason } = errors[0]?.extensions ?? {}
  return status === 200 && errors.length === 0 ? 'ACCEPTED' : `${status} ${reason ?? code}`
}

/** What came of an operation as a whole: its status, and the codes and reasons of its errors. */
export async function answerTo(
  world: World,
  secret: string,
  query: string,
  options?: Options,
): Promise<string> {
  const { status, data, errors } = await world.gql(secret, query, undefined, options)
  const problems = Object.values<any>(data ?? {}).flatMap((payload) => payload?.errors ?? [])
  return [
    status,
    ...errors.map(({ extensions }) => extensions.reason ?? extensions.code),
    ...problems.map(({ code }) => code),
  ].join(' ')
}
