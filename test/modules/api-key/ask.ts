import type { World } from '../../setup/world.ts'

type Input = Readonly<Record<string, unknown>>
type Options = Parameters<World['gql']>[3]

/** What becomes of a request with this secret: ACCEPTED, or its HTTP status and why. */
export async function verdict(
  world: Pick<World, 'gql'>,
  secret: string | null,
  options?: Options,
): Promise<string> {
  const { status, data, errors } = await world.gql(
    secret,
    '{ viewer { kind } }',
    undefined,
    options,
  )
  if (status === 200 && errors.length === 0 && data.viewer.kind === 'API_KEY') return 'ACCEPTED'
  const { code, reason } = errors[0]?.extensions ?? {}
  return `${status} ${reason ?? code}`
}

/** What came of a mutation that may fail: its payload, and the codes of its errors of any kind. */
export async function attempt(
  world: Pick<World, 'gql'>,
  secret: string,
  mutation: string,
  input: Input,
  selection = '',
): Promise<{ payload: any; codes: string[]; paths: unknown[] }> {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`
  const { data, errors } = await world.gql(
    secret,
    `mutation ($input: ${type}!) { ${mutation}(input: $input) { ${selection} errors { code path } } }`,
    { input },
  )
  const payload = data?.[mutation] ?? null
  const expected: { code: string; path: unknown }[] = payload?.errors ?? []
  return {
    payload,
    codes: [
      ...errors.map(({ extensions }) => String(extensions.reason ?? extensions.code)),
      ...expected.map(({ code }) => code),
    ],
    paths: expected.map(({ path }) => path),
  }
}

/** Writes what the API cannot, as a change of the workspace that every cache learns of. */
export async function directly(
  world: World,
  workspaceId: string,
  write: (prisma: World['deps']['prisma']) => Promise<unknown>,
): Promise<void> {
  const { prisma, credentials } = world.deps
  await write(prisma)
  const { epoch } = await prisma.workspace.update({
    where: { id: workspaceId },
    data: { epoch: { increment: 1 } },
  })
  credentials.raised(workspaceId, epoch)
}
