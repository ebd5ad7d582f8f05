import type { Document as DocumentRow } from '../../generated/prisma/client.ts'
import { builder } from '../../schema/builder.ts'
import { deletedId, entityField, mutation } from '../../schema/mutation.ts'
import { deleteDocument } from './delete.ts'
import { Document } from './document.schema.ts'
import { uploadDocument } from './upload.ts'

const UploadDocumentInput = builder.inputType('UploadDocumentInput', {
  description: 'A file for a session.',
  fields: (t) => ({
    sessionId: t.id({ required: true, description: 'The session that it is given to.' }),
    file: t.field({ type: 'File', required: true, description: 'The file, by its variable.' }),
  }),
})

mutation<typeof UploadDocumentInput.$inferInput, { document: DocumentRow }>('uploadDocument', {
  description:
    'Gives a file to a session. Its type is told by its content. To be sent as a GraphQL multipart request, the one file last.',
  guard: 'documents:upload',
  input: UploadDocumentInput,
  payload: (t) => ({ document: entityField(t, 'document', Document, 'The new document.') }),
  run: async (context, input) => ({ document: await uploadDocument(context, input) }),
})

const DeleteDocumentInput = builder.inputType('DeleteDocumentInput', {
  description: 'Which document to delete.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The id of the document.' }) }),
})

mutation<typeof DeleteDocumentInput.$inferInput, { deletedId: string }>('deleteDocument', {
  description: 'Deletes a document, with its content.',
  guard: 'documents:delete',
  input: DeleteDocumentInput,
  payload: (t) => ({ deletedId: deletedId(t) }),
  run: async (context, input) => ({ deletedId: await deleteDocument(context, input) }),
})
