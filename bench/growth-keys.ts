import { compareSubjects, rates } from './compare.ts'
import { insertKey, insertKeys, type Workspace } from './fill.ts'
import { byRoute, clientPermissions, gatewayPermissions, type Verified } from './gateway.ts'
import type { Growth } from './growth.ts'
import { measure } from './measure.ts'

const keyCount = 50_000
const fewKeys = 100

/** A gateway's key and as many of its clients. */
export const fillKeys = async (workspace: Workspace): Promise<Verified> => ({
  gateway: await insertKey(workspace, { permissions: gatewayPermissions }),
  keys: await insertKeys(workspace, keyCount, { permissions: clientPermissions }),
})

/** Many keys verified in turn beside few. */
export async function compareKeys(growth: Growth, verified: Verified): Promise<void> {
  const inTurn = (count: number) =>
    byRoute(growth.server, `${count.toLocaleString('en-US')} keys in turn`, {
      ...verified,
      keys: verified.keys.slice(0, count),
    })
  const many = await inTurn(keyCount)
  // Each key has been asked about before: the first time it is read.
  await measure(many, 16, 60)
  await compareSubjects(
    {
      title: `Keys verified by GET /verify, on ${growth.engine}`,
      subjects: [await inTurn(fewKeys), many],
      ratio: rates,
      goal: 'at least 0.7',
    },
    growth,
  )
}
