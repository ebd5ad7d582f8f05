import type { GraphQLResolveInfo } from 'graphql'
import type { Context } from '../context.ts'
import {
  findPages,
  type Listed,
  type NestedListing,
  type Page,
  type PageArgs,
  pageRequest,
} from '../db/page.ts'

/**
 * A page of a parent's own list. All parents of one operation that ask for the same page of the same
 * field are answered together.
 *
 * @param field its name, or its place in the operation where the rows have what is asked for there alone
 */
export function nestedPage<Row extends Listed>(
  context: Context,
  field: string | GraphQLResolveInfo['fieldNodes'],
  parent: string,
  args: PageArgs,
  listing: () => NestedListing,
): Promise<Page<Row>> {
  const page = pageRequest(args)
  const name = typeof field === 'string' ? `${field} ${page.limit} ${args.after ?? ''}` : field
  const loader = context.batch<Page<Row>>(name, (parents) =>
    findPages(context.deps.prisma, context.caller, parents, listing(), page),
  )
  return loader.load(parent)
}
