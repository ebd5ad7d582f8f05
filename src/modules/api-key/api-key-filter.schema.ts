import { RequestError, userError } from '../../errors.ts'
import { builder } from '../../schema/builder.ts'
import {
  checkedInput,
  instantInput,
  permissionInput,
  searchInput,
} from '../../schema/filter-input.ts'
import type { ApiKeyFilter } from './api-key.filter.ts'
import { externalId } from './api-key.input.ts'
import { ApiKeyStatusType } from './api-key.schema.ts'
import { label } from './labels.ts'

/** A label in an input. */
export const LabelInput = builder.inputType('LabelInput', {
  description: "A name and a value of the integration's own, to find keys by.",
  fields: (t) => ({
    name: t.string({ required: true, description: '1 to 63 characters.' }),
    value: t.string({ required: true, description: 'Up to 255 characters.' }),
  }),
})

/** What a list of keys is narrowed by, in an input. */
export const ApiKeyFilterInput = builder.inputType('ApiKeyFilter', {
  description: 'Filters of a list of keys; all that are given apply.',
  fields: (t) => ({
    status: t.field({ type: ApiKeyStatusType, description: 'Whether they are accepted.' }),
    ownerId: t.id({
      guard: { permission: 'members:read' },
      description: 'The user that they act for.',
    }),
    spaceId: t.id({ description: 'Keys that name this space, and keys for all spaces.' }),
    scopeId: t.id({
      guard: { permission: 'scopes:read' },
      description: 'Keys linked to this scope.',
    }),
    permission: t.string({
      guard: { permission: 'scopes:read' },
      description: 'Keys that declare this permission, directly, by scope or by alias.',
    }),
    legacy: t.boolean({ description: 'Whether they were issued elsewhere.' }),
    createdById: t.id({
      guard: { permission: 'members:read' },
      description: 'The user who made them.',
    }),
    createdByKeyId: t.id({ description: 'The key that made them.' }),
    createdAfter: t.field({ type: 'DateTime', description: 'Made after this.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Made before this.' }),
    expiresAfter: t.field({ type: 'DateTime', description: 'Ending after this, by policy too.' }),
    expiresBefore: t.field({ type: 'DateTime', description: 'Ending before this, by policy too.' }),
    lastUsedBefore: t.field({ type: 'DateTime', description: 'Includes keys never used.' }),
    neverUsed: t.boolean({ description: 'Whether they were never used.' }),
    search: t.string({ description: 'Part of the name.' }),
    externalId: t.string({ description: 'Keys with exactly this external id.' }),
    label: t.field({ type: LabelInput, description: 'Keys with exactly this label.' }),
  }),
})

/**
 * The filter as it is given, read.
 *
 * @throws RequestError BAD_USER_INPUT for a value that is not acceptable
 */
export function filterInput({
  createdByKeyId,
  ...filter
}: typeof ApiKeyFilterInput.$inferInput): ApiKeyFilter {
  const { createdAfter, createdBefore, expiresAfter, expiresBefore, lastUsedBefore } = filter
  return {
    ...filter,
    makerId: createdByKeyId,
    search: searchInput(filter.search),
    permission: permissionInput(filter.permission),
    createdAfter: instantInput('createdAfter', createdAfter),
    createdBefore: instantInput('createdBefore', createdBefore),
    expiresAfter: instantInput('expiresAfter', expiresAfter),
    expiresBefore: instantInput('expiresBefore', expiresBefore),
    lastUsedBefore: instantInput('lastUsedBefore', lastUsedBefore),
    externalId: checkedInput('externalId', externalId, filter.externalId),
    label: checkedInput('label', label, filter.label),
  }
}

/**
 * The same in the input of a mutation, where a value that is not acceptable is an expected failure.
 *
 * @throws UserInputError INVALID with its path
 */
export function filterOfMutation(filter: Parameters<typeof filterInput>[0]): ApiKeyFilter {
  try {
    return filterInput(filter)
  } catch (error) {
    if (!(error instanceof RequestError) || error.code !== 'BAD_USER_INPUT') throw error
    const path = ['input', ...(error.details.path as string[])]
    throw userError('INVALID', path, error.message)
  }
}
