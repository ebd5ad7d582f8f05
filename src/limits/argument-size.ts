import {
  type FieldNode,
  GraphQLID,
  type GraphQLInputType,
  GraphQLInt,
  GraphQLList,
  valueFromAST,
} from 'graphql'
import { pageSize } from '../db/page.ts'
import { idCount } from '../input/ids.ts'

type Variables = Readonly<Record<string, unknown>>

const listOfIds = new GraphQLList(GraphQLID)

function argumentOf(
  { arguments: args }: FieldNode,
  name: string,
  type: GraphQLInputType,
  variables: Variables,
): unknown {
  const argument = args?.find((its) => its.name.value === name)
  return valueFromAST(argument?.value, type, variables)
}

/**
 * How many rows a page has, by its field's `first`.
 * @throws RequestError BAD_USER_INPUT for a `first` outside 1 to 100
 */
export const pageSizeOf = (node: FieldNode, variables: Variables): number =>
  pageSize(argumentOf(node, 'first', GraphQLInt, variables) as number | null | undefined)

/**
 * How many ids a field names in its `ids`.
 * @throws RequestError BAD_USER_INPUT for more than 100
 */
export const idCountOf = (node: FieldNode, variables: Variables): number =>
  idCount((argumentOf(node, 'ids', listOfIds, variables) ?? []) as readonly unknown[])
