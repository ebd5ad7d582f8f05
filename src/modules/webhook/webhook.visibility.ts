import type { Caller } from '../../auth/caller.ts'
import { type NestedListing, parentId } from '../../db/nested-pages.ts'
import { Prisma } from '../../generated/prisma/client.ts'

/** The endpoints that the caller sees: all of the workspace's. */
export const visibleEndpoints = ({ workspaceId }: Pick<Caller, 'workspaceId'>) => ({
  workspaceId,
  deletedAt: null,
})

/** The deliveries of each endpoint in turn. */
export const deliveriesOfEndpoints = ({ workspaceId }: Caller): NestedListing => ({
  from: Prisma.sql`"WebhookDelivery" d`,
  alias: Prisma.sql`d`,
  where: Prisma.sql`d."workspaceId" = ${workspaceId}`,
  tie: Prisma.sql`d."endpointId" = ${parentId}`,
})
