import { builder } from '../../builder.ts'
import type { Context, DataLoader } from '../../context.ts'
import { findByIds } from '../../db/page.ts'
import type { Deps } from '../../deps.ts'
import type { Document as DocumentRow } from '../../generated/prisma/client.ts'
import { nodeType } from '../../graphql/node.ts'
import { User, userLoader } from '../member/user.schema.ts'
import { Document, Session } from '../refs.ts'
import { sessionLoader } from '../session/session-loader.ts'
import { documents, visibleDocuments } from './document.queries.ts'
import { findDocument } from './find-document.ts'
import { mediaTypes } from './media-type.ts'

Document.implement({
  description:
    'A file that was given to a session. The text of those that are text is told the agent.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the document.' }),
    name: t.exposeString('name', { description: 'The name of the file.' }),
    mediaType: t.exposeString('mediaType', { description: 'What its content shows it to be.' }),
    bytes: t.exposeInt('bytes', { description: 'How long it is.' }),
    sha256: t.exposeString('sha256', { description: 'The SHA-256 of its content, in hex.' }),
    session: t.field({
      type: Session,
      nullable: true,
      guard: 'sessions:read',
      description: 'The session that it was given to.',
      resolve: ({ sessionId }, _args, context) => sessionLoader(context).load(sessionId),
    }),
    url: t.string({
      description: 'Where to download it, with the same credentials as the API.',
      resolve: ({ id }, _args, { deps }) => `${deps.publicUrl}/documents/${id}`,
    }),
    createdBy: t.field({
      type: User,
      nullable: true,
      guard: 'members:read',
      description: 'Who uploaded it.',
      resolve: ({ createdById }, _args, context) => userLoader(context).load(createdById),
    }),
    createdById: t.exposeID('createdById', { description: 'The id of the user who uploaded it.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was uploaded.' }),
  }),
})

const DocumentLimits = builder.objectRef<object>('DocumentLimits').implement({
  description: 'What a session takes.',
  leafFields: 'public',
  fields: (t) => ({
    maxCount: t.int({
      description: 'How many documents.',
      resolve: (_limits, _args, { deps }) => deps.documents.maxCount,
    }),
    maxBytes: t.int({
      description: 'How long each may be.',
      resolve: (_limits, _args, { deps }) => deps.documents.maxBytes,
    }),
    mediaTypes: t.stringList({
      listSize: mediaTypes.length,
      description: 'What each may be, by its content.',
      resolve: () => [...mediaTypes],
    }),
  }),
})

/** The documents of each session, as far as the caller sees them, newest first. */
const documentsLoader = (context: Context): DataLoader<DocumentRow[]> =>
  context.batch('documents', async (sessionIds) => {
    const { from } = documents
    const rows = await context.deps.prisma.$queryRaw<DocumentRow[]>`
      SELECT d.* FROM ${from} WHERE ${visibleDocuments(context.caller)}
         AND d."sessionId" = ANY(${[...sessionIds]}::text[])
       ORDER BY d."createdAt" DESC, d.id DESC`
    const bySession = Map.groupBy(rows, ({ sessionId }) => sessionId)
    return sessionIds.map((id) => bySession.get(id) ?? [])
  })

builder.objectFields(Session, (t) => ({
  documents: t.field({
    type: [Document],
    nullable: true,
    guard: 'documents:read',
    description: 'The files that were given to it, the newest first.',
    listSize: ({ context: { deps } }) => deps.documents.maxCount,
    extensions: { chargedSize: ({ documents: { maxCount } }: Deps) => maxCount },
    resolve: ({ id }, _args, context) => documentsLoader(context).load(id),
  }),
  documentLimits: t.field({
    type: DocumentLimits,
    guard: 'public',
    description: 'What it takes.',
    resolve: () => ({}),
  }),
}))

nodeType('doc', Document, {
  item: 'document',
  find: ({ deps, caller }, ids) =>
    findByIds(deps.prisma, { ...documents, where: visibleDocuments(caller) }, ids),
})

builder.queryField('document', (t) =>
  t.field({
    type: Document,
    nullable: true,
    guard: 'documents:read',
    description: 'One document.',
    args: { id: t.arg.id({ required: true, description: 'The id of the document.' }) },
    resolve: (_root, { id }, context) => findDocument(context, id),
  }),
)
