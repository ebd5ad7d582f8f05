import { expect } from 'vitest'
import { createSignInVerifier } from '../../src/auth/credentials/oidc.ts'
import { type Issuer, startIssuer } from '../setup/issuer.ts'
import { done } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World, type WorldOptions } from '../setup/world.ts'

/** The application with an identity provider. */
export interface SignInWorld {
  readonly world: World
  readonly issuer: Issuer
  /** A token of a person with a verified address of that name. */
  person(sub: string, claims?: Readonly<Record<string, unknown>>): Promise<string>
  /** Enters `<name>@example.com`; the id of the membership. */
  invite(workspace: TestWorkspace, name: string, role?: string): Promise<string>
  close(): Promise<void>
}

export async function createSignInWorld(
  options: Omit<WorldOptions, 'signIn'> = {},
): Promise<SignInWorld> {
  const issuer = await startIssuer()
  const world = await createWorld({
    signIn: createSignInVerifier(issuerOptions(issuer)),
    ...options,
  })
  return {
    world,
    issuer,
    person: (sub, claims) =>
      issuer.token({ sub, email: `${sub}@example.com`, email_verified: true, ...claims }),
    invite: async (workspace, name, role = 'MEMBER') => {
      const input = { email: `${name}@example.com`, role }
      const { member } = await done(world, workspace.secret, 'addMember', 'member { id }', input)
      return member.id
    },
    close: async () => {
      await world.close()
      await issuer.close()
    },
  }
}

export const issuerOptions = ({ url, audience }: Issuer) => ({ issuer: url, audience })

const me = '{ viewer { kind role user { id name email } workspace { id slug } } }'

/** Who a token is, as the API says; or why it is nobody. */
export async function whoIs(
  world: World,
  token: string,
  workspace?: string,
): Promise<{ kind: string; role: string; user: any; workspace: any } | string> {
  const headers = workspace === undefined ? {} : { 'x-workspace-id': workspace }
  const { status, data, errors } = await world.gql(token, me, undefined, { headers })
  const [error] = errors
  if (error === undefined) return data.viewer
  const { code, reason } = error.extensions
  return [status, code, reason].filter(Boolean).join(' ')
}

/** Claims what is pending for a person in these workspaces, by naming each of them. */
export async function join(
  world: World,
  token: string,
  workspaces: readonly Pick<TestWorkspace, 'id'>[],
): Promise<void> {
  for (const { id } of workspaces)
    expect(await whoIs(world, token, id)).toMatchObject({ workspace: { id } })
}

/** The present members of a workspace, each by e-mail, with their ids. */
export async function membersOf(
  world: World,
  { secret }: TestWorkspace,
): Promise<Record<string, { id: string; role: string; userId: string; name: string }>> {
  const query = '{ members(first: 100) { nodes { id role user { id name email } } } }'
  const { data } = await world.gql(secret, query)
  return Object.fromEntries(
    data.members.nodes.map(({ id, role, user }: any) => [
      user.email,
      { id, role, userId: user.id, name: user.name },
    ]),
  )
}
