import type { KeySettings } from '../../src/auth/delegation.ts'
import { insertKey } from '../../src/modules/api-key/create.ts'
import { asOperator } from '../../src/transactions/workspace-transaction.ts'
import { done } from './seed.ts'
import type { TestWorkspace, World } from './world.ts'

/** A person of the workspace, with what is needed to name them. */
export interface Human {
  readonly memberId: string
  readonly userId: string
}

let count = 0

/** Enters a person, as the owner. */
export async function addHuman(
  world: World,
  workspace: TestWorkspace,
  role: string,
): Promise<Human> {
  const input = { email: `person-${++count}@example.com`, role }
  const selection = 'member { id user { id } }'
  const { member } = await done(world, workspace.secret, 'addMember', selection, input)
  return { memberId: member.id, userId: member.user.id }
}

/** A key of a person who cannot sign in here: no mutation gives one, so the operator's code does. */
export function humanKey(
  world: World,
  workspace: TestWorkspace,
  { userId }: Human,
  terms: Partial<KeySettings>,
): Promise<{ id: string; secret: string }> {
  return asOperator(world.deps, workspace.id, async (c) => {
    const { apiKey, secret } = await insertKey(c, {
      name: `Key ${++count}`,
      description: null,
      externalId: null,
      labels: [],
      terms: {
        ownerId: userId,
        ownerKind: 'HUMAN',
        permissions: [],
        scopes: [],
        allSpaces: false,
        grants: [],
        expiresAt: null,
        requestsPerMinute: null,
        allowedIps: [],
        endsWithSecretId: null,
        ...terms,
      },
      maker: null,
    })
    return { id: apiKey.id, secret }
  })
}
