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
 * A page of a parent's own list. All parents of one operation that ask for the same page are
 * answered together.
 */
export function nestedPage<Row extends Listed>(
  context: Context,
  field: string,
  parent: string,
  args: PageArgs,
  listing: () => NestedListing,
): Promise<Page<Row>> {
  const page = pageRequest(args)
  const name = `${field} ${page.limit} ${args.after ?? ''}`
  const loader = context.batch<Page<Row>>(name, (parents) =>
    findPages(context.deps.prisma, context.caller, parents, listing(), page),
  )
  return loader.load(parent)
}
