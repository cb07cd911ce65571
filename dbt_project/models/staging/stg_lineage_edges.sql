with source as (

    select * from {{ source('stemma', 'lineage_edges') }}

),

renamed as (

    select
        edge_id,
        repo_id,
        child_id,
        parent_id,
        edge_type,
        weight,
        confidence,
        evidence,
        evidence ->> 'matched_by' as matched_by,
        evidence ->> 'direction' as direction,
        (evidence ->> 'candidates')::integer as n_candidates,
        coalesce(evidence ->> 'child_category', 'source') as child_category,
        coalesce(evidence ->> 'parent_category', 'source') as parent_category,
        coalesce((evidence ->> 'other_element')::boolean, false) as is_other_element,
        edge_type not in ('replaced_by', 'deprecated_by') as is_derivation
    from source

)

select * from renamed
