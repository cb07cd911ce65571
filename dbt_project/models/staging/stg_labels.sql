with source as (

    select * from {{ source('stemma', 'labels') }}

),

renamed as (

    select
        label_id,
        pattern_id,
        exact_hash,
        is_fit,
        source,
        labelled_by,
        reason,
        labelled_at
    from source

)

select * from renamed
